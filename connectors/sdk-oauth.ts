import { ConnectorError, type ConnectorContext } from './sdk.js';
import { expectOk, type Http, type HttpAnswer, type HttpRequest } from './sdk-http.js';
import { isObject, parseJson } from './sdk-json.js';

/**
 * OAuth 2.0 client credentials (RFC 6749, 4.4) for reads. One token an instance, asked for once however many calls
 * wait for it, renewed a minute before its end:
 *
 *   none ──log in──▶ active ──a minute before its end, or 401──▶ none
 *   401 with a token that was just given ──▶ AUTH, later
 */
export interface ClientCredentials {
  readonly tokenPath: string;
  readonly clientId: string;
  readonly clientSecret: string;
}

const MARGIN_MS = 60_000;
/** Where the server does not say how long a token lives. */
const LIFE_UNKNOWN_S = 300;

interface Token {
  readonly text: string;
  /** Epoch ms after which it is not used any more. */
  readonly until: number;
}

/** Only `read`: the pool below stays its owner's. */
export function withClientCredentials(
  http: Http,
  client: ClientCredentials,
  context: Pick<ConnectorContext, 'now' | 'note'>,
): Pick<Http, 'read'> {
  let token: Token | null = null;
  let pending: Promise<Token> | null = null;

  const logIn = (signal: AbortSignal): Promise<Token> => {
    context.note({ kind: 'token', detail: `log in at ${client.tokenPath}` });
    const body = new URLSearchParams({
      grant_type: 'client_credentials',
      client_id: client.clientId,
      client_secret: client.clientSecret,
    }).toString();
    const headers = { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' };
    const asked = context.now();
    return http.read(
      { method: 'POST', path: client.tokenPath, headers, body },
      (answer) => tokenOf(answer, client.tokenPath, asked),
      signal,
    );
  };
  const current = async (signal: AbortSignal): Promise<Token> => {
    for (;;) {
      signal.throwIfAborted();
      if (token !== null && context.now() < token.until) return token;
      const mine = pending === null;
      pending ??= logIn(signal).finally(() => (pending = null));
      try {
        return (token = await pending);
      } catch (error) {
        // Another call's login ended with that call: this one logs in itself.
        if (mine || error instanceof ConnectorError) throw error;
      }
    }
  };
  return {
    async read<T>(request: HttpRequest, accept: (answer: HttpAnswer) => T, signal: AbortSignal): Promise<T> {
      const attempt = (held: Token): Promise<T> => {
        const headers = { ...request.headers, authorization: `Bearer ${held.text}` };
        return http.read({ ...request, headers }, accept, signal);
      };
      const held = await current(signal);
      try {
        return await attempt(held);
      } catch (error) {
        if (!(error instanceof ConnectorError) || error.details.upstreamCode !== '401') throw error;
        // Only who still holds this token resets it: another call may have renewed it meanwhile.
        if (token === held) token = null;
        return attempt(await current(signal));
      }
    },
  };
}

function tokenOf(answer: HttpAnswer, what: string, asked: number): Token {
  expectOk(answer, what);
  const body = parseJson(answer.body, what);
  const text = isObject(body) ? body['access_token'] : undefined;
  if (!isObject(body) || typeof text !== 'string' || !/^[\x21-\x7e]{1,4096}$/.test(text))
    throw new ConnectorError('PROTOCOL', `${what}: {access_token, expires_in} was expected`, 'now');
  const given = body['expires_in'];
  const lifeMs = 1000 * (typeof given === 'number' && given > 0 ? given : LIFE_UNKNOWN_S);
  return { text, until: asked + Math.max(lifeMs / 2, lifeMs - MARGIN_MS) };
}
