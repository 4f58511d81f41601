/**
 * What door controllers ask, and what operators ask about them (docs/controllers.md).
 *
 *   GET  /v1/controllers/jwks.json           public keys of the lists
 *   GET  /v1/controllers/{id}/allow-list     the list, or what has changed since a version
 *   PUT  /v1/controllers/{id}/confirmation   the controller holds this version
 *   POST /v1/controllers/{id}/events         door events, acknowledged when durable (rule 11)
 *   GET  /v1/controllers/{id}/events         which have come, which are missing
 *   GET  /v1/controllers                     who holds what
 *   GET  /v1/revocations                     which are not confirmed, and by whom
 *
 * A controller that is not the caller's is no controller to it: 404, as for one that does not exist.
 */
import type { Context } from 'hono';
import type { ControllerConfig } from '../config/types.js';
import type { ControllerDesk, ServedList } from '../doors/desk.js';
import type { ControllerReport } from '../doors/report.js';
import { header } from './body.js';
import { callerOf, type Scope } from './caller.js';
import type { Answerer } from './gate.js';
import { isHeld } from './etag.js';
import { idempotent, type IdempotencyStore } from './idempotency.js';
import { parseUpload, type Upload } from './controller-events.js';
import { problem } from './problems.js';
import { queryOf } from './query.js';

/** What became of an upload. `later`: not known to be durable. */
export type UploadOutcome =
  | 'later'
  | {
      readonly published: number;
      /** Had come before, or are no swipes. */
      readonly other: number;
      /** Kept in quarantine, since they could not be read; the same again would be refused again. */
      readonly refused: readonly number[];
    };

export interface ControllerParts {
  readonly desk: ControllerDesk;
  readonly upload: (controller: ControllerConfig, upload: Upload) => Promise<UploadOutcome>;
}

/** Without a scope: public. */
export type ControllerRoutes = readonly (readonly ['GET' | 'PUT' | 'POST', string, Scope | null, Answerer])[];

const ID = '/v1/controllers/:id';
const ROUTES = [
  ['keys', 'GET', '/v1/controllers/jwks.json', null],
  ['list', 'GET', `${ID}/allow-list`, 'controller'],
  ['confirm', 'PUT', `${ID}/confirmation`, 'controller'],
  ['upload', 'POST', `${ID}/events`, 'controller'],
  ['events', 'GET', `${ID}/events`, 'controller'],
  ['reports', 'GET', '/v1/controllers', 'operate'],
  ['revocations', 'GET', '/v1/revocations', 'operate'],
] as const;
type Asked = (typeof ROUTES)[number][0];

const routed = (answers: (asked: Asked) => Answerer): ControllerRoutes =>
  ROUTES.map(([asked, method, path, scope]) => [method, path, scope, answers(asked)]);

/** Where hub.yaml names no controllers, the same paths say so, to whoever may ask there. */
export const noControllers: ControllerRoutes = routed(
  () => () => problem('NOT_CONFIGURED', 'hub.yaml names no controllers: docs/controllers.md'),
);

const REVOCATIONS_MAX = 1_000;
/** Lines of a list that are made text at once. */
const PIECE_LINES = 2_000;
const LATER = { 'retry-after': '1' };

/** @param store of Idempotency-Keys; a controller need not send any */
export function controllerRoutes(
  { desk, upload }: ControllerParts,
  store: IdempotencyStore,
): ControllerRoutes {
  const own = (c: Context): ControllerConfig | Response => {
    const found = desk.controller(c.req.param('id') ?? '');
    const caller = callerOf(c);
    const isIts = found !== undefined && found.doors.every(({ key }) => caller.seesDoor(key));
    return isIts ? found : problem('NOT_FOUND', 'no controller of yours has this id');
  };
  const forIts =
    (answer: (c: Context, controller: ControllerConfig) => Promise<Response> | Response): Answerer =>
    (c) => {
      const controller = own(c);
      return controller instanceof Response ? controller : answer(c, controller);
    };
  const writes = (write: (controller: ControllerConfig, body: unknown) => Promise<Response>): Answerer =>
    forIts((c, its) => idempotent(store, (_c, body) => write(its, body), 'done')(c));
  const answers: Record<Asked, Answerer> = {
    keys: () => json(desk.jwks, { 'cache-control': 'max-age=3600' }),
    list: forIts((c, { id }) => allowList(c, desk, id)),
    confirm: writes(({ id }, body) => confirmation(desk, id, body)),
    upload: writes((its, body) => events(its, body, { desk, upload })),
    events: forIts((_c, { id }) => json(eventsOf(desk.report(id)))),
    reports: (c) => controllers(c, desk),
    revocations: (c) => revocations(c, desk),
  };
  return routed((asked) => answers[asked]);
}

async function allowList(c: Context, desk: ControllerDesk, id: string): Promise<Response> {
  const asked = queryOf(c, 'since', wholeNumber, 'the version of a list, a whole number');
  if (!asked.ok) return problem('BAD_REQUEST', asked.detail);
  const held = header(c, 'if-none-match');
  const answer = await desk.list(id, { since: asked.value, isHeld: (etag) => isHeld(held, etag) });
  if (answer === 'not-ready') {
    return problem('NOT_READY', 'the list is not made yet, or another hub keeps it: try again', LATER);
  }
  const headers = { etag: answer.etag, 'cache-control': 'no-store' };
  if (answer.list === undefined) return new Response(null, { status: 304, headers });
  return new Response(pieces(answer.list), { headers: { 'content-type': 'application/json', ...headers } });
}

/** JSON of the list; its lines are made text as they are sent. */
function pieces(list: ServedList): ReadableStream<Uint8Array> | string {
  const { entries } = list;
  if (entries === undefined || entries.length <= PIECE_LINES) return JSON.stringify(list);
  const head = JSON.stringify({ ...list, entries: undefined });
  const encoder = new TextEncoder();
  let at = 0;
  return new ReadableStream({
    start: (controller) => controller.enqueue(encoder.encode(`${head.slice(0, -1)},"entries":[`)),
    pull(controller) {
      const lines = entries.slice(at, at + PIECE_LINES).map((line) => JSON.stringify(line));
      controller.enqueue(encoder.encode(`${at === 0 ? '' : ','}${lines.join(',')}`));
      at += PIECE_LINES;
      if (at < entries.length) return;
      controller.enqueue(encoder.encode(']}'));
      controller.close();
    },
  });
}

async function confirmation(desk: ControllerDesk, id: string, body: unknown): Promise<Response> {
  const version = (body as { version?: unknown } | null)?.version;
  if (typeof version !== 'number' || !Number.isSafeInteger(version) || version < 1) {
    return problem('BAD_REQUEST', 'version: expected the version of a list, a whole number above 0');
  }
  try {
    const report = await desk.confirm(id, version);
    if (report === null)
      return problem('BAD_REQUEST', 'version: expected one that was issued, came a later one');
    return json(shown(report));
  } catch {
    return problem('NOT_READY', 'the confirmation could not be written: send it again', LATER);
  }
}

async function events(
  controller: ControllerConfig,
  body: unknown,
  { desk, upload }: ControllerParts,
): Promise<Response> {
  const parsed = parseUpload(body, controller);
  if (!parsed.ok) return problem('BAD_REQUEST', parsed.error);
  const outcome = await upload(controller, parsed.upload);
  if (outcome === 'later') {
    return problem('NOT_READY', 'it is not known whether the events are durable: send them again', LATER);
  }
  const indexes = parsed.upload.events.map(({ index }) => index);
  await desk.received(controller.id, indexes).catch(() => undefined); // the report comes right at the next upload
  return json({ ...outcome, ...eventsOf(desk.report(controller.id)) });
}

function eventsOf(report: ControllerReport | undefined): ControllerReport['events'] {
  return report?.events ?? { last: 0, gaps: [] };
}

function controllers(c: Context, desk: ControllerDesk): Response {
  const caller = callerOf(c);
  const reports = desk.reports().filter(({ id }) => {
    return desk.controller(id)?.doors.every(({ key }) => caller.seesDoor(key)) === true;
  });
  return json({ controllers: reports.map(shown) });
}

function revocations(c: Context, desk: ControllerDesk): Response {
  const card = queryOf(c, 'card', (text) => text, 'the key of a card');
  if (!card.ok) return problem('BAD_REQUEST', card.detail);
  const all = desk.revocations(card.value);
  const page = all.slice(0, REVOCATIONS_MAX);
  return json({
    total: all.length,
    revocations: page.map((one) => ({ ...one, since: new Date(one.since).toISOString() })),
  });
}

/** A report with its times as text. */
function shown(report: ControllerReport): object {
  const { held, oldestUnconfirmedAt: oldest } = report;
  return {
    ...report,
    held: held && { version: held.version, at: new Date(held.at).toISOString() },
    oldestUnconfirmedAt: oldest === null ? null : new Date(oldest).toISOString(),
  };
}

function json(value: unknown, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify(value), {
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store', ...headers },
  });
}

function wholeNumber(text: string): number | undefined {
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}
