/**
 * One of the two servers that `sip2` compares: the hub's library desk with its decision log, and a bare `node:net`
 * server that answers every line with the same bytes. Each message is answered with the CPU time so far.
 */
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { secret } from '../../hub/config/secret.js';
import { createMetrics } from '../../hub/operate/metrics.js';
import { hashPassword } from '../../hub/sip2/password.js';
import { startLibraryDesk } from '../../hub/sip2/start.js';
import { openDeciding } from '../decisions.js';
import { DESK } from '../sip2-desk.js';

export interface DeskServerArgument {
  readonly kind: 'hub' | 'net';
  /** Of the log that the view is read from. */
  readonly dir: string;
}

const argument = JSON.parse(process.argv[2] as string) as DeskServerArgument;
const host = '127.0.0.1';

async function hub(): Promise<{ port: number; facts: () => object }> {
  const { view, follower, decisions } = await openDeciding(argument.dir);
  const server = await startLibraryDesk(
    {
      ...{ host, port: 0, encoding: 'utf-8', tls: undefined, plaintext: false },
      limits: {
        ...{ connections: 256, perAddress: 256, lineBytes: 2_048 },
        ...{ lineMs: 10_000, loginMs: 60_000, idleMs: 900_000 },
      },
      institutions: {
        [DESK.institution]: {
          name: 'Main Library',
          language: 'zh',
          reader: { by: 'card-number', profile: 'uid-hex' },
          shortAnswers: true,
          messages: {},
        },
      },
      logins: {
        [DESK.user]: {
          passwordHash: secret(await hashPassword(DESK.password)),
          institutions: [DESK.institution],
          locations: [],
          offlineUploads: false,
        },
      },
    },
    { view, decisions, metrics: createMetrics(), now: Date.now, ready: () => follower.ready },
  );
  const facts = (): object => ({ dropped: decisions.droppedCount });
  return { port: server.port, facts };
}

/** As long as the desk's answer, and as true as a constant can be. */
const ANSWER = Buffer.from(
  `24${' '.repeat(14)}00120261123    100000AOmain|AA5630F009|AE张*|BLY|CQN|AY0AZE000\r`,
);

async function net(): Promise<{ port: number; facts?: () => object }> {
  const login = Buffer.from('941\r');
  const server = createServer({ noDelay: true }, (socket) => {
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk) => {
      if (chunk.at(-1) === 0x0d) socket.write(chunk[0] === 0x39 ? login : ANSWER);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  return { port: (server.address() as AddressInfo).port };
}

const { port, facts } = await (argument.kind === 'hub' ? hub() : net());
process.on('message', () => {
  const { user, system } = process.cpuUsage();
  process.send?.({ cpuMs: (user + system) / 1_000, ...facts?.() });
});
process.on('disconnect', () => process.exit(0));
process.send?.({ port });
