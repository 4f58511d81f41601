// An access token by private_key_jwt (RFC 7523): the client signs a short statement with its own key, and the hub has
// only the public half. Node alone, no packages. Any OAuth library does the same.
//
//   node examples/clients/token.mjs http://127.0.0.1:8080 registrar data/demo/clients/registrar.key.pem
import { createPrivateKey, randomUUID, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';

const [url, client, keyFile] = process.argv.slice(2);

/** @returns a JWS of these claims, ES256 */
function statement(claims, key) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const text = `${part({ alg: 'ES256', typ: 'JWT' })}.${part(claims)}`;
  return `${text}.${sign('sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
}

async function token() {
  const key = createPrivateKey(readFileSync(keyFile));
  const described = await fetch(`${url}/.well-known/oauth-authorization-server`);
  if (!described.ok) throw new Error(`${url} gives no tokens (HTTP ${described.status})`);
  const { issuer } = await described.json();
  const now = Math.floor(Date.now() / 1000);
  // Good once, for this hub, for a minute.
  const claims = { iss: client, sub: client, aud: issuer, jti: randomUUID(), iat: now, exp: now + 60 };
  const answer = await fetch(`${url}/oauth2/token`, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'client_credentials',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: statement(claims, key),
    }),
  });
  const body = await answer.json();
  if (!answer.ok)
    throw new Error(`${body.error}: ${body.error_description ?? 'is it the key of this client?'}`);
  return body.access_token;
}

if (keyFile === undefined) {
  console.error('usage: node token.mjs URL CLIENT KEY.pem');
  process.exitCode = 2;
} else {
  try {
    console.log(await token());
  } catch (error) {
    console.error(`no token: ${error.cause?.message ?? error.message}`);
    process.exitCode = 1;
  }
}
