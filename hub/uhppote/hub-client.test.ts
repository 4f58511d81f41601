import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { HubError, hubClient } from './hub-client.js';

async function refusal(status: number, body: string): Promise<unknown> {
  const server = createServer((_request, response) => response.writeHead(status).end(body));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const hub = hubClient(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, 'key');
  return hub.list('west', {}).catch((error: unknown) => error);
}

/** A bridge that took a busy hub for a gone one would let controllers decide by old lists while the hub decides. */
it.each([
  [503, '{"code":"OVERLOADED"}', true],
  [429, '{"code":"RATE_LIMITED"}', true],
  [503, '{"code":"NOT_READY"}', false],
  [503, 'a proxy says no', false],
  [401, '{"code":"UNAUTHORISED"}', false],
])('a hub that answers %i %s is busy: %s', async (status, body, busy) => {
  const error = await refusal(status, body);
  expect(error).toBeInstanceOf(HubError);
  expect(error).toMatchObject({ status, busy });
});
