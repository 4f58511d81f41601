/**
 * One of the servers that `evaluation` compares; each message is answered with the CPU time so far.
 *
 *   hub      the facade with its decision log        decide  the same, and nothing is logged
 *   read     our listener, Hono, the body read       answer  our listener alone, always the same answer
 *   hono     an empty Hono handler that parses       node    the same on bare node:http
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import { createFacade } from '../../hub/facade/app.js';
import { startFacade } from '../../hub/facade/server.js';
import { readJson } from '../../hub/facade/body.js';
import { openDeciding } from '../decisions.js';

export interface ServerArgument {
  readonly kind: 'hub' | 'decide' | 'read' | 'answer' | 'hono' | 'node';
  /** Of the log that the view is read from. */
  readonly dir: string;
}

const PATH = '/access/v1/evaluation';
const JSON_HEADERS = { 'content-type': 'application/json' };
const argument = JSON.parse(process.argv[2] as string) as ServerArgument;
const host = '127.0.0.1';

const starts: Record<ServerArgument['kind'], () => Promise<{ port: number; facts?: () => object }>> = {
  hub: () => hub(true),
  decide: () => hub(false),
  async read() {
    const app = new Hono();
    app.post(PATH, (c) => {
      const body = readJson(c);
      return fixed(!('ok' in body) || body.ok);
    });
    return startFacade(app, { host, port: 0 });
  },
  answer: () => startFacade({ fetch: () => fixed(true) }, { host, port: 0 }),
  hono() {
    const app = new Hono();
    app.post(PATH, async (c) => {
      const body = await c.req.json<{ subject?: unknown }>();
      return fixed(body.subject !== undefined);
    });
    // As the adapter starts it, with nothing of ours between.
    return new Promise((resolve) => {
      serve({ fetch: app.fetch, hostname: host, port: 0 }, ({ port }) => resolve({ port }));
    });
  },
  async node() {
    const server = createServer((request, response) => {
      let text = '';
      request.setEncoding('utf8');
      request.on('data', (piece: string) => (text += piece));
      request.on('end', () => {
        const body = JSON.parse(text) as { subject?: unknown };
        const answer = body.subject === undefined ? '{"decision":false}' : '{"decision":true}';
        response.writeHead(200, { ...JSON_HEADERS, 'content-length': answer.length });
        response.end(answer);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, host, resolve));
    return { port: (server.address() as AddressInfo).port };
  },
};

function fixed(decision: boolean): Response {
  return new Response(decision ? '{"decision":true}' : '{"decision":false}', { headers: JSON_HEADERS });
}

async function hub(logs: boolean): Promise<{ port: number; facts: () => object }> {
  const { view, follower, decisions } = await openDeciding(argument.dir);
  if (!logs) decisions.add = () => undefined;
  const app = createFacade({ view, follower, decisions, now: Date.now });
  const { port } = await startFacade(app, { host, port: 0 });
  return { port, facts: () => ({ dropped: decisions.droppedCount, failed: decisions.failedAppends }) };
}

const { port, facts } = await starts[argument.kind]();
process.on('message', () => {
  const { user, system } = process.cpuUsage();
  process.send?.({ cpuMs: (user + system) / 1_000, ...facts?.() });
});
process.on('disconnect', () => process.exit(0));
process.send?.({ port });
