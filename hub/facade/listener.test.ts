import { connect } from 'node:net';
import { Hono } from 'hono';
import { expect, it, onTestFinished } from 'vitest';
import { BODY_BYTES_MAX, readJson } from './body.js';
import { startFacade } from './server.js';

/** A server whose one route says what it read. */
async function start() {
  const app = new Hono();
  app.post('/', async (c) => {
    const body = await readJson(c);
    return body.ok
      ? c.json({ read: body.value })
      : c.text(body.detail, body.code === 'BODY_TOO_LARGE' ? 413 : 400);
  });
  app.post('/text', async (c) => c.text(`${(await c.req.text()).length}`));
  app.get('/', (c) => c.text('got'));
  const server = await startFacade(app, { host: '127.0.0.1', port: 0 });
  onTestFinished(() => server.close());
  return server;
}

/** Writes the pieces one after the other and gives what came back until `until` was seen or the other end closed. */
async function talk(port: number, pieces: readonly (string | Buffer)[], until: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    let came = '';
    const socket = connect(port, '127.0.0.1');
    onTestFinished(() => void socket.destroy());
    socket.on('data', (bytes) => {
      came += bytes.toString('latin1');
      if (until.test(came)) resolve(came);
    });
    socket.on('close', () => resolve(came));
    socket.on('error', reject);
    const send = (i: number): void => {
      const piece = pieces[i];
      if (piece === undefined || socket.destroyed) return;
      socket.write(piece);
      setTimeout(() => send(i + 1), 20);
    };
    send(0);
  });
}

const head = (length: number | 'chunked', path = '/'): string =>
  `POST ${path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n` +
  (length === 'chunked' ? 'transfer-encoding: chunked' : `content-length: ${length}`) +
  '\r\n\r\n';

it('a body in pieces, cut inside a character, is read whole', async () => {
  const { port } = await start();
  const body = Buffer.from('{"name":"张三"}');
  const answer = await talk(port, [head(body.length), body.subarray(0, 10), body.subarray(10)], /\}\}$/);
  expect(Buffer.from(answer, 'latin1').toString()).toContain('{"read":{"name":"张三"}}');
});

it('what comes in one turn is answered together, each with its own, also where some have gone meanwhile', async () => {
  const { port } = await start();
  const ask = (i: number) => talk(port, [`${head(6)}[${1_000 + i}]`], /\]\}$/);
  const gone = connect(port, '127.0.0.1');
  gone.on('connect', () => {
    gone.write(`${head(3)}[1]`);
    gone.destroy();
  });
  const answers = await Promise.all(Array.from({ length: 150 }, (_, i) => ask(i)));
  const read = answers.map((answer) => /"read":\[(\d+)\]/.exec(answer)?.[1]);
  expect(read).toEqual(answers.map((_, i) => String(1_000 + i)));
});

it('two requests in one packet get two answers, in order', async () => {
  const { port } = await start();
  const answer = await talk(port, [`${head(3)}[1]${head(3)}[2]GET / HTTP/1.1\r\nhost: x\r\n\r\n`], /got/);
  expect(answer.match(/"read":\[\d\]|got/g)).toEqual(['"read":[1]', '"read":[2]', 'got']);
});

it('a chunked body is read, and its text too', async () => {
  const { port } = await start();
  const chunks = '2\r\n[1\r\n2\r\n,2\r\n1\r\n]\r\n0\r\n\r\n';
  expect(await talk(port, [head('chunked'), chunks], /2\]\}/)).toContain('{"read":[1,2]}');
  expect(await talk(port, [head('chunked', '/text'), chunks], /\r\n\r\n5/)).toContain('\r\n\r\n5');
});

it('a body that is longer than the limit is refused without being read, and the connection ends', async () => {
  const { port } = await start();
  const declared = await talk(port, [head(BODY_BYTES_MAX + 1), 'x'.repeat(100)], /bytes$/);
  expect(declared).toMatch(/^HTTP\/1\.1 413[^]*connection: close/i);
  const chunk = `8000\r\n${'x'.repeat(0x8000)}\r\n`;
  expect(await talk(port, [head('chunked'), chunk, chunk, chunk], /bytes$/)).toMatch(/^HTTP\/1\.1 413/);
});

it('a body of 32 levels is read, one of 33 is not', async () => {
  const { port } = await start();
  const nested = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels);
  const ask = (text: string): Promise<string> => talk(port, [head(text.length), text], /(nesting|\})$/);
  expect(await ask(nested(32))).toMatch(/^HTTP\/1\.1 200/);
  expect(await ask(nested(33))).toMatch(/^HTTP\/1\.1 400[^]*32 levels/);
});

it('bytes that are no UTF-8, and a key that stands twice, are refused', async () => {
  const { port } = await start();
  const bytes = Buffer.from([0x22, 0xd5, 0xc5, 0x22]);
  expect(await talk(port, [head(4), bytes], /none$/)).toMatch(/^HTTP\/1\.1 400[^]*UTF-8/);
  const twice = '{"subject":{"id":"a","id":"b"}}';
  expect(await talk(port, [head(twice.length), twice], /twice$/)).toContain('came subject.id twice');
});

it('a request without a body is one with an empty body', async () => {
  const { port } = await start();
  const bare = 'POST / HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\r\n';
  expect(await talk(port, [bare], /none$/)).toMatch(/^HTTP\/1\.1 400/);
});

it('a client that leaves in the middle of its body disturbs nobody', async () => {
  const { port } = await start();
  const socket = connect(port, '127.0.0.1', () => socket.end(`${head(100)}{"a":`));
  await new Promise((resolve) => socket.on('close', resolve).resume());
  expect(await talk(port, [`${head(3)}[1]`], /\]\}/)).toContain('{"read":[1]}');
});

it('headers that are too large get 431, half a request 408, and what is none 400, each with a reason', async () => {
  const { port } = await start();
  const large = `GET / HTTP/1.1\r\nhost: x\r\nx-a: ${'a'.repeat(20_000)}\r\n\r\n`;
  expect(await talk(port, [large], /\}$/)).toMatch(/^HTTP\/1\.1 431[^]*HEADERS_TOO_LARGE/);
  expect(await talk(port, ['hello\r\n\r\n'], /\}$/)).toMatch(/^HTTP\/1\.1 400[^]*BAD_REQUEST/);
  expect(await talk(port, ['GET / HTTP/1.1\r\nhost: x\r\n'], /\}$/)).toMatch(/^HTTP\/1\.1 408/);
  for (const strange of ['GET / HTTP/1.1\r\nhost: a b\r\n\r\n', 'GET \\ HTTP/1.1\r\nhost: x\r\n\r\n']) {
    expect(await talk(port, [strange], /\}$/)).toMatch(/^HTTP\/1\.1 400/);
  }
});

/** A GET with these header lines; what came back. */
async function get(port: number, ...lines: string[]): Promise<string> {
  return talk(port, [['GET / HTTP/1.1', ...lines, '', ''].join('\r\n')], /\}$|got$/);
}

it('a hundred header lines are read, and of one more nothing is dropped in silence', async () => {
  const { port } = await start();
  const more = (count: number): string[] => Array.from({ length: count }, (_, i) => `x-${i}: 1`);
  expect(await get(port, 'host: x', ...more(99))).toMatch(/^HTTP\/1\.1 200/);
  for (const count of [100, 149, 500]) {
    const answer = await get(port, 'host: x', ...more(count));
    expect(answer, `${count}`).toMatch(/^HTTP\/1\.1 431[^]*connection: close[^]*HEADERS_TOO_LARGE/i);
  }
});

it('two credentials, two hosts or none are refused with a reason, whatever the path', async () => {
  const { port } = await start();
  const refused = /^HTTP\/1\.1 400[^]*application\/problem\+json[^]*BAD_REQUEST/;
  expect(await get(port, 'host: x', 'authorization: Bearer a', 'Authorization: Bearer b')).toMatch(refused);
  expect(await get(port, 'host: x', 'host: y')).toMatch(refused);
  const none = await get(port, 'accept: */*');
  expect(none).toMatch(refused);
  expect(none).toMatch(/Host/);
  expect(await get(port, 'host: x', 'accept: a/b', 'accept: c/d')).toMatch(/^HTTP\/1\.1 200/);
});

it('an expectation that nobody can meet gets 417 with a reason; 100-continue is met', async () => {
  const { port } = await start();
  const refused = await get(port, 'host: x', 'expect: 200-ok');
  expect(refused).toMatch(/^HTTP\/1\.1 417[^]*application\/problem\+json[^]*EXPECTATION_FAILED/);
  const waits = head(3).replace('host: x', 'host: x\r\nexpect: 100-continue');
  expect(await talk(port, [waits, '[1]'], /\]\}/)).toMatch(/^HTTP\/1\.1 100[^]*HTTP\/1\.1 200/);
});
