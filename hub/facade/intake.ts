/**
 * POST /intake/{source}: what an upstream sends by itself, such as a bank's notices. The facade knows neither its form
 * nor its signature: the source's connector does, and gives the answer too. It is acknowledged only when it is
 * durable (rule 11).
 */
import { Hono } from 'hono';
import type { PushAnswer } from '../../connectors/sdk.js';
import { BODY_BYTES_MAX, CODED, isCoded, readBytes } from './body.js';
import { problem } from './problems.js';

export type IntakeTaken =
  { readonly kind: 'unknown' } | { readonly kind: 'answer'; readonly answer: PushAnswer };

/** Bodies that are read and verified at the same time; more are told to come again. */
const UNDER_WAY_MAX = 32;

export function intakeApp(take: (source: string, body: Uint8Array) => Promise<IntakeTaken>): Hono {
  const app = new Hono();
  let underWay = 0;
  app.post('/:source', async (c) => {
    if (isCoded(c)) return problem('UNSUPPORTED_MEDIA_TYPE', CODED);
    const body = await readBytes(c);
    if (body === undefined) return problem('BODY_TOO_LARGE', `expected at most ${BODY_BYTES_MAX} bytes`);
    if (underWay >= UNDER_WAY_MAX) {
      return problem('NOT_READY', 'too many notices at once; send it again', { 'retry-after': '1' });
    }
    underWay += 1;
    try {
      const taken = await take(c.req.param('source'), body);
      if (taken.kind === 'unknown') return problem('NOT_FOUND', 'no source of this name takes notices');
      const { status, contentType, body: bytes } = taken.answer;
      return new Response(new Uint8Array(bytes), { status, headers: { 'content-type': contentType } });
    } finally {
      underWay -= 1;
    }
  });
  app.all('/:source', (c) =>
    problem('METHOD_NOT_ALLOWED', `expected POST, came ${c.req.method}`, { allow: 'POST' }),
  );
  return app;
}
