import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { createHttp, expectOk, type HttpLimits } from './sdk-http.js';
import { parseJson, scanJson } from './sdk-json.js';
import type { ConnectorError } from './sdk.js';

const never = new AbortController().signal;
let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

async function upstream(listener: RequestListener, limits: Partial<HttpLimits> = {}) {
  server = createServer(listener);
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  const waits: number[] = [];
  const http = createHttp(
    `http://127.0.0.1:${(server.address() as AddressInfo).port}/base/`,
    { backoffMs: 100, ...limits },
    { random: () => 0.5, note: () => undefined },
    {
      monotonic: () => 0,
      sleep: async (ms) => {
        waits.push(ms);
      },
    },
  );
  const get = () =>
    http.read(
      { method: 'GET', path: '/x' },
      (answer) => {
        expectOk(answer, '/x');
        return answer.body.toString();
      },
      never,
    );
  const refused = (): Promise<ConnectorError> =>
    get().then(
      () => Promise.reject(new Error('an error was expected')),
      (error: unknown) => error as ConnectorError,
    );
  return { get, refused, waits };
}

describe('a call to an upstream', () => {
  it('refuses a page of 50 MB after the limit, without taking the rest', async () => {
    let sent = 0;
    const { refused } = await upstream(
      (_, response) => {
        const chunk = Buffer.alloc(1 << 20, 'x');
        const push = (): void => {
          while (sent < 50) {
            sent += 1;
            if (!response.write(chunk)) return void response.once('drain', push);
          }
          response.end();
        };
        push();
      },
      { bodyBytes: 2 << 20 },
    );
    expect(await refused()).toMatchObject({ code: 'TOO_LARGE', retry: 'never' });
    expect(sent).toBeLessThan(50);
  });

  it('refuses one that only announces too much', async () => {
    const { refused } = await upstream((_, response) => {
      response.writeHead(200, { 'content-length': String(1 << 30) });
      response.write('x');
    });
    expect(await refused()).toMatchObject({ code: 'TOO_LARGE' });
  });

  it('refuses an answer that is compressed although plain bytes were asked for', async () => {
    const { refused } = await upstream((_, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' });
      response.end(Buffer.alloc(1_000));
    });
    const error = await refused();
    expect([error.code, error.message]).toEqual([
      'PROTOCOL',
      expect.stringContaining('content-encoding gzip'),
    ]);
  });

  it('waits as long as the upstream asks, and not at all when it asks for too long', async () => {
    let calls = 0;
    const patient = await upstream((_, response) => {
      calls += 1;
      if (calls < 3) response.writeHead(429, { 'retry-after': '2' }).end();
      else response.end('ok');
    });
    expect(await patient.get()).toBe('ok');
    expect(patient.waits).toEqual([2000, 2000]);
    const { refused, waits } = await upstream((_, response) => {
      response.writeHead(503, { 'retry-after': '3600' }).end();
    });
    expect(await refused()).toMatchObject({
      code: 'HTTP_STATUS',
      retry: 'later',
      details: { retryAfterMs: 3_600_000 },
    });
    expect(waits).toEqual([]);
  });

  it('backs off between bounded attempts', async () => {
    let calls = 0;
    const { refused, waits } = await upstream((_, response) => {
      calls += 1;
      response.writeHead(502).end();
    });
    expect((await refused()).message).toMatch(/HTTP 502 \(after 4 attempts\)/);
    expect([calls, waits]).toEqual([4, [75, 150, 300]]);
  });

  it('does not repeat what cannot become better, and follows no redirect', async () => {
    let calls = 0;
    const status = { now: 400 };
    const { refused } = await upstream((_, response) => {
      calls += 1;
      response.writeHead(status.now, { location: 'http://127.0.0.1:1/' }).end();
    });
    for (const [code, expected] of [
      [400, 'HTTP_STATUS'],
      [401, 'AUTH'],
      [410, 'CURSOR'],
      [302, 'PROTOCOL'],
    ] as const) {
      status.now = code;
      calls = 0;
      expect(await refused()).toMatchObject({ code: expected });
      expect(calls).toBe(1);
    }
  });

  it('ends a connection that is cut or silent with its own code', async () => {
    const cut = await upstream((request) => request.socket.destroy(), { attempts: 1 });
    expect(await cut.refused()).toMatchObject({ code: 'CONNECTION', retry: 'later' });
    const drip = await upstream(
      (_, response) => {
        response.write('x');
      },
      { attempts: 1, totalMs: 100 },
    );
    expect(await drip.refused()).toMatchObject({ code: 'TIMEOUT' });
  });

  it('keeps to its rate', async () => {
    const { get, waits } = await upstream((_, response) => response.end('ok'), { perSecond: 2 });
    for (let i = 0; i < 4; i++) await get();
    expect(waits).toEqual([500, 1000]);
  });
});

describe('JSON from outside', () => {
  const refusal = (text: string) => () => parseJson(Buffer.from(text), 'page');

  it('is refused when it is a bomb: deep, or of too many values', () => {
    expect(refusal('['.repeat(5_000_000))).toThrow(/deeper than 32/);
    expect(refusal(`[${'0,'.repeat(1_100_000)}0]`)).toThrow(/more than 1000000 values/);
    expect(refusal('half a pag')).toThrow(/not JSON/);
    expect(refusal('{"a":')).toThrow(/not JSON/);
  });

  it('may hold raw line ends in its texts, and brackets that are only text', () => {
    expect(parseJson(Buffer.from('{"a":"x\ny"}'), 'page')).toEqual({ a: 'x y' });
    expect(parseJson(Buffer.from(JSON.stringify({ a: '['.repeat(100) + '\\"' })), 'page')).toBeTruthy();
  });

  it('passes when it is ordinary', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 6 }), (text) => {
        scanJson(Buffer.from(text));
        expect(parseJson(Buffer.from(text), 'page')).toEqual(JSON.parse(text));
      }),
    );
  });
});
