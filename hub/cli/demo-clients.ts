import { join, relative } from 'node:path';
import { DEMO_CLIENTS, DEMO_CONTROLLER } from '../demo/clients.js';
import { EXAMPLE_CARD } from '../demo/story.js';
import { packagePath } from '../package-root.js';
import type { Output } from './output.js';

export interface Tried {
  readonly out: Output;
  readonly cwd: string;
  /** Of the demo's data. */
  readonly dir: string;
  readonly url: string;
}

/** What to type as a client that has a token, and as a door controller on its own. */
export function tellClients({ out, cwd, dir, url }: Tried): void {
  const at = (path: string): string => relative(cwd, path) || path;
  const file = (name: string): string => at(join(dir, 'clients', name));
  const example = (...path: string[]): string => at(packagePath('examples', ...path));
  const { desk, registrar, gate } = DEMO_CLIENTS;
  const json = `-H 'content-type: application/json'`;
  const token = `sed 's/.*"access_token":"\\([^"]*\\)".*/\\1/'`;
  out.line(`\nClients with rights of their own; their secrets are in ${at(join(dir, 'clients'))}.`);
  out.line(
    'A token for a secret, and what only an agreement tells. 各客户端有各自的权限；凭密钥换令牌，查余额：',
  );
  out.line(`  TOKEN=$(curl -s ${url}/oauth2/token -u "${desk.id}:$(cat ${file(desk.file)})" \\`);
  out.line(`    -d grant_type=client_credentials | ${token})`);
  out.line(`  curl -s ${url}/v1/identity/check -H "authorization: Bearer $TOKEN" ${json} \\`);
  out.line(`    -d '${JSON.stringify({ card: EXAMPLE_CARD, include: ['balance'] })}'`);
  out.line('The same with a signature in place of a secret (private_key_jwt). 用私钥签名换令牌：');
  out.line(`  node ${example('clients', 'token.mjs')} ${url} ${registrar.id} ${file(registrar.file)}`);
  const list = example('controller', 'allow_list.py');
  const key = file(gate.file);
  out.line(
    `\nA door controller: fetches its signed list, verifies it, shows some of it. 门禁控制器取名单、验签、查看：`,
  );
  out.line(
    `  python3 ${list} ${url} ${DEMO_CONTROLLER.id} --token-file ${key} --state /tmp/${DEMO_CONTROLLER.id}.json`,
  );
  out.line(`  python3 ${list} --state /tmp/${DEMO_CONTROLLER.id}.json --show 3`);
  out.line('It uploads a swipe; the same index again counts once. 上传一条刷卡事件，重复上传只计一次：');
  out.line(`  curl -s ${url}/v1/controllers/${DEMO_CONTROLLER.id}/events ${json} \\`);
  out.line(`    -H "authorization: Bearer $(cat ${key})" \\`);
  out.line(
    `    -d '{"events":[{"index":1,"door":1,"card":"037399A4","granted":true,"reason":"ALLOW","occurredAt":"'$(date -u +%FT%TZ)'"}]}'`,
  );
}
