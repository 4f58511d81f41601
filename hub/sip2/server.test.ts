import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createDesk, LIMITS, MAIN, memoryLibrary } from './desk.test-support.js';
import type { DeskChange } from './desk.test-support.js';
import { createLogins } from './logins.js';
import { hashPassword, passwordMatches } from './password.js';
import { secret } from '../config/secret.js';
import { startSip2 } from './server.js';
import type { CutReason, Sip2ServerOptions } from './server.js';

const LOGIN = '9300CNdesk|COsecret|CPlobby|\r';
const STATUS = '9900802.00\r';

async function start(
  change: Partial<Sip2ServerOptions['config'] & Pick<Sip2ServerOptions, 'elseAnyPort'>> & {
    desk?: DeskChange;
  } = {},
) {
  const { desk: deskChange, elseAnyPort = false, ...config } = change;
  const desk = createDesk(deskChange);
  const cuts: CutReason[] = [];
  const problems: unknown[] = [];
  const server = await startSip2({
    config: { host: '127.0.0.1', port: 0, tls: undefined, plaintext: false, limits: LIMITS, ...config },
    elseAnyPort,
    session: desk.parts,
    onCut: (reason) => cuts.push(reason),
    onProblem: (_what, error) => problems.push(error),
  });
  onTestFinished(async () => {
    await server.close();
    await desk.close();
    expect(problems).toEqual([]);
  });
  return { ...desk, server, cuts };
}

class Client {
  text = '';
  readonly chunks: Buffer[] = [];
  closed = false;
  constructor(readonly socket: Socket) {
    socket.on('data', (chunk: Buffer) => {
      this.chunks.push(chunk);
      this.text += chunk.toString('utf8');
    });
    socket.on('error', () => undefined);
    socket.on('close', () => (this.closed = true));
    onTestFinished(() => void socket.destroy());
  }
  static async open(port: number, localAddress = '127.0.0.1'): Promise<Client> {
    const socket = connect({ port, host: '127.0.0.1', localAddress });
    const client = new Client(socket);
    await new Promise((resolve) => socket.once('connect', resolve));
    return client;
  }
  async ask(text: string): Promise<string> {
    const from = this.text.length;
    this.socket.write(text);
    await until(() => /[\r\n]/.test(this.text.slice(from)));
    return this.text.slice(from);
  }
}

async function until(holds: () => boolean, withinMs = 8_000): Promise<void> {
  const deadline = Date.now() + withinMs;
  while (!holds()) {
    if (Date.now() > deadline) throw new Error('not in time');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

describe('the server', () => {
  it('answers each message in one write, pipelined ones in their order', async () => {
    const { server } = await start();
    const client = await Client.open(server.port);
    expect(await client.ask(LOGIN)).toBe('941\r');
    client.chunks.length = 0;
    expect(await client.ask(STATUS)).toMatch(/^98/);
    expect(client.chunks).toHaveLength(1);
    const from = client.text.length;
    client.socket.write(`${LOGIN}${STATUS}${LOGIN}`); // a login takes its time, the rest waits for it
    await until(() => client.text.slice(from).split('\r').length === 4);
    expect(client.text.slice(from)).toMatch(/^941\r98[^\r]*\r941\r$/);
  });

  it('does not lose a byte of a line that comes byte by byte', async () => {
    const { server } = await start();
    const client = await Client.open(server.port);
    client.socket.setNoDelay(true);
    for (const byte of LOGIN) {
      client.socket.write(byte);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await until(() => client.text === '941\r');
  });

  it('ends an endless line, an unfinished line, a silent desk and one that never logs in', async () => {
    const limits = { ...LIMITS, lineMs: 150, idleMs: 400, loginMs: 10_000 };
    const { server, cuts } = await start({ limits });
    const endless = await Client.open(server.port);
    endless.socket.write('x'.repeat(4_096));
    await until(() => endless.closed);
    const slow = await Client.open(server.port);
    await slow.ask(LOGIN);
    const drip = setInterval(() => slow.socket.write('2'), 20);
    await until(() => slow.closed);
    clearInterval(drip);
    const silent = await Client.open(server.port);
    await silent.ask(LOGIN);
    await until(() => silent.closed);
    expect(cuts).toEqual(['LINE_TOO_LONG', 'LINE_TIMEOUT', 'IDLE']);
    const eager = await start({ limits: { ...LIMITS, loginMs: 100 } });
    const stranger = await Client.open(eager.server.port);
    await stranger.ask(STATUS);
    await until(() => stranger.closed);
    expect(eager.cuts).toEqual(['LOGIN_TIMEOUT']);
  });

  it('answers everything that was asked before the client closed its side', async () => {
    const { server } = await start();
    const client = await Client.open(server.port);
    client.socket.end(`${LOGIN}${STATUS}${LOGIN}${STATUS}`);
    await until(() => client.closed);
    expect(client.text).toMatch(/^941\r98[^\r]*\r941\r98[^\r]*\r$/);
  });

  it('ends a desk that asks and never reads', async () => {
    const { server, cuts } = await start();
    const client = await Client.open(server.port);
    await client.ask(LOGIN);
    client.socket.pause();
    const many = STATUS.repeat(60);
    const ask = setInterval(() => client.socket.write(many), 1);
    await until(() => cuts.length > 0, 20_000);
    clearInterval(ask);
    expect(cuts).toEqual(['NOT_READING']);
  });

  it('forgets a half-open connection when its time is over, and a reset one at once', async () => {
    const { server } = await start({ limits: { ...LIMITS, idleMs: 300 } });
    const half = await Client.open(server.port);
    await half.ask(LOGIN);
    half.socket.end(); // only our side
    await until(() => server.connections() === 0);
    const reset = await Client.open(server.port);
    await reset.ask(LOGIN);
    reset.socket.resetAndDestroy();
    await until(() => server.connections() === 0);
  });

  it('still serves a desk while a thousand connections come from elsewhere', async () => {
    const { server, cuts } = await start({ limits: { ...LIMITS, connections: 128, perAddress: 64 } });
    const crowd = await Promise.all(
      Array.from({ length: 1_000 }, () => Client.open(server.port, '127.0.0.9')),
    );
    await until(() => crowd.filter(({ closed }) => closed).length === 936);
    expect(cuts.filter((reason) => reason === 'ADDRESS')).toHaveLength(936);
    const desk = await Client.open(server.port, '127.0.0.1');
    expect(await desk.ask(LOGIN)).toBe('941\r');
    expect(server.connections()).toBe(65);
    for (const { socket } of crowd) socket.destroy();
    await until(() => server.connections() === 1);
    expect(await desk.ask(STATUS)).toMatch(/^98/);
  });

  it('lets the answer under way leave when the hub ends', async () => {
    let lend = (): void => undefined;
    const base = memoryLibrary();
    const checkout: typeof base.checkout = async (request, signal) => {
      await new Promise<void>((resolve) => (lend = resolve));
      return base.checkout(request, signal);
    };
    const { server } = await start({ desk: { library: memoryLibrary({ checkout }) } });
    const client = await Client.open(server.port);
    await client.ask(LOGIN);
    const date = '20261123    100000';
    const answer = client.ask(`11NN${date}${date}AOmain|AA5630F009|ABB1|AC|\r`);
    await new Promise((resolve) => setTimeout(resolve, 50));
    const closed = server.close();
    lend();
    expect(await answer).toMatch(/^121/);
    await closed;
    await until(() => client.closed);
  });

  it('goes beyond the loopback only encrypted, or when that is said on purpose', async () => {
    await expect(start({ host: '0.0.0.0' })).rejects.toMatchObject({ code: 'NOT_ENCRYPTED', retry: 'never' });
    await expect(start({ host: '0.0.0.0', plaintext: true })).resolves.toBeDefined();
    const { server } = await start();
    await expect(start({ port: server.port })).rejects.toMatchObject({ code: 'PORT_IN_USE' });
    const other = await start({ port: server.port, elseAnyPort: true });
    expect(other.server.port).not.toBe(server.port);
  });

  it('speaks TLS with the certificate from files', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'cardhub-sip2-'));
    onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
    const [keyFile, certFile] = [join(dir, 'key.pem'), join(dir, 'cert.pem')];
    const subject = ['-subj', '/CN=desk.test', '-days', '2', '-nodes'];
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-keyout', keyFile];
    execFileSync('openssl', ['req', '-x509', ...key, '-out', certFile, ...subject], { stdio: 'ignore' });
    const { server } = await start({ tls: { keyFile, certFile } });
    expect(server.url).toMatch(/^sip2s:/);
    const socket = connectTls({ port: server.port, host: '127.0.0.1', rejectUnauthorized: false });
    const client = new Client(socket);
    await new Promise((resolve) => socket.once('secureConnect', resolve));
    expect(await client.ask(LOGIN)).toBe('941\r');
    const plain = await Client.open(server.port);
    plain.socket.write(LOGIN);
    await until(() => plain.closed);
    await expect(start({ tls: { keyFile: join(dir, 'none'), certFile } })).rejects.toMatchObject({
      code: 'TLS_FILES',
    });
  });
});

describe('logins', () => {
  const config = async (locations: readonly string[] = []) => ({
    institutions: { main: MAIN, law: { ...MAIN, name: 'Law Library' } },
    logins: {
      kiosk: {
        passwordHash: secret(await hashPassword('käse')),
        institutions: ['law'],
        locations,
        offlineUploads: false,
      },
    },
  });

  it('take the right password, whatever the form of its characters', async () => {
    const logIn = createLogins(await config());
    const terminal = await logIn('kiosk', 'ka\u0308se', 'anywhere');
    expect(terminal).toMatchObject({ login: 'kiosk', location: 'anywhere' });
    expect([...(terminal?.institutions.keys() ?? [])]).toEqual(['law']);
    expect(await logIn('kiosk', 'kase', 'anywhere')).toBeUndefined();
    expect(await logIn('nobody', 'käse', 'anywhere')).toBeUndefined();
    expect(await logIn('__proto__', '', '')).toBeUndefined();
  });

  it('keep to their locations', async () => {
    const logIn = createLogins(await config(['lobby']));
    expect(await logIn('kiosk', 'käse', 'lobby')).toBeDefined();
    expect(await logIn('kiosk', 'käse', 'cellar')).toBeUndefined();
  });

  it('are kept as scrypt hashes, two of one password never alike', async () => {
    const [one, two] = await Promise.all([hashPassword('secret'), hashPassword('secret')]);
    expect(one).not.toBe(two);
    expect(await passwordMatches('secret', one)).toBe(true);
    expect(await passwordMatches('Secret', one)).toBe(false);
    for (const broken of ['', 'secret', one.replace('16384', '16383'), one.replace('16384', '999999')]) {
      expect(await passwordMatches('secret', broken)).toBe(false);
    }
  });
});
