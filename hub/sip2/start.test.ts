import { connect } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { secret } from '../config/secret.js';
import { createMetrics } from '../operate/metrics.js';
import { createDesk, LIMITS, MAIN } from './desk.test-support.js';
import { hashPassword } from './password.js';
import { startLibraryDesk } from './start.js';

it('an operator is told, once, of a desk that asks about one unknown reader after the other', async () => {
  const { parts, close } = createDesk();
  const metrics = createMetrics();
  const problems: string[] = [];
  const passwordHash = secret(await hashPassword('kiosk password'));
  const server = await startLibraryDesk(
    {
      ...{ host: '127.0.0.1', port: 0, encoding: 'utf-8', tls: undefined, plaintext: false, limits: LIMITS },
      institutions: { main: MAIN },
      logins: { kiosk: { passwordHash, institutions: ['main'], locations: [], offlineUploads: false } },
    },
    {
      ...{ view: parts.view, decisions: parts.decisions, now: parts.now, ready: parts.ready, metrics },
      onProblem: (what, error) => problems.push(`${what}: ${(error as Error).message}`),
    },
  );
  const socket = connect(server.port, '127.0.0.1');
  onTestFinished(async () => {
    socket.destroy();
    await server.close();
    await close();
  });
  const ask = async (line: string): Promise<string> => {
    socket.write(`${line}\r`);
    return new Promise((resolve) => socket.once('data', (answer) => resolve(answer.toString())));
  };
  expect(await ask('9300CNkiosk|COkiosk password|CPlobby|')).toBe('941\r');
  for (let n = 0; n < 40; n++) {
    if (n === 30) expect(problems).toEqual([]);
    expect(await ask(`23001${' '.repeat(18)}AOmain|AA${(0x1a2b3c00 + n).toString(16)}|`)).toContain('|BLN|');
  }
  expect(problems).toEqual([expect.stringMatching(/desk kiosk asked about more than 30 unknown readers/)]);
  const text = metrics.text();
  expect(text).toContain('cardhub_sip2_unknown_readers_total{login="kiosk"} 40');
  expect(text).toContain('cardhub_sip2_connections 1');
  expect(text).toContain('cardhub_sip2_messages_total 41');
});
