import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** An access-control vendor that answers whatever it is told to. */
export interface Vendor {
  readonly url: string;
  readonly doors: object[];
  readonly events: object[];
  /** The answer to this path from now on. */
  instead: { readonly path: string; readonly body: string | Buffer } | null;
  close(): Promise<void>;
}

export async function startVendor(apiKey: string): Promise<Vendor> {
  const asOf = '2026-09-01T10:00:00.000+08:00';
  const doors: object[] = [];
  const events: object[] = [];
  const server = createServer((request, response) => {
    const { pathname: path, searchParams } = new URL(request.url ?? '/', 'http://vendor');
    if (request.headers['x-api-key'] !== apiKey) {
      response.writeHead(401).end();
      return;
    }
    response.setHeader('content-type', 'application/json');
    if (vendor.instead?.path === path) {
      response.end(vendor.instead.body);
      return;
    }
    const after = searchParams.get('after') ?? '';
    const items =
      path === '/v1/events' ? events.slice(Number(after)) : path === '/v1/doors' && after === '' ? doors : [];
    response.end(JSON.stringify({ items, next: null, asOf, total: items.length }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const vendor: Vendor = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    doors,
    events,
    instead: null,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return vendor;
}
