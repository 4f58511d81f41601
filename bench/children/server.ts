/**
 * One of the three servers that `evaluation` compares: the hub's facade with its decision log, an empty Hono
 * handler that parses the same body, and the same on bare `node:http`. Each message is answered with the CPU time so far.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import { createFacade } from '../../hub/facade/app.js';
import { startFacade } from '../../hub/facade/server.js';
import { openDeciding } from '../decisions.js';

export interface ServerArgument {
  readonly kind: 'hub' | 'hono' | 'node';
  /** Of the log that the view is read from. */
  readonly dir: string;
}

const PATH = '/access/v1/evaluation';
const JSON_HEADERS = { 'content-type': 'application/json' };
const argument = JSON.parse(process.argv[2] as string) as ServerArgument;
const host = '127.0.0.1';

const starts: Record<ServerArgument['kind'], () => Promise<{ port: number; facts?: () => object }>> = {
  hub,
  hono() {
    const app = new Hono();
    app.post(PATH, async (c) => {
      const body = await c.req.json<{ subject?: unknown }>();
      return new Response(body.subject === undefined ? '{"decision":false}' : '{"decision":true}', {
        headers: JSON_HEADERS,
      });
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

async function hub(): Promise<{ port: number; facts: () => object }> {
  const { view, follower, decisions } = await openDeciding(argument.dir);
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
