import { Hono } from 'hono';
import { FAULT_TARGETS, FAULTS } from './faults.js';
import type { FaultName, Faults, FaultSwitch } from './faults.js';
import { writeExports } from './files.js';
import { writeDeskExport } from './library/export.js';
import { advance, applyLife, LIFE_EVENTS } from './world/life.js';
import type { LifeRequest } from './world/life.js';
import { powerSummary } from './world/power.js';
import { moneySummary } from './world/money-life.js';
import { isoShanghai } from './world/time.js';
import { cardTotal, doorTotal, grantTotal } from './world/world.js';
import type { World } from './world/world.js';

/** The control port of the campus. It is for the loopback: it asks nobody who they are. */
export interface ControlOptions {
  readonly world: World;
  readonly faults: Faults;
  /** Factor of the rates when the clock is moved by hand; 0: no life of its own. */
  readonly lifeFactor: number;
  /** Folder that exports are written to; callers cannot choose another. */
  readonly exportsDir: string;
  /** Changes a bank's books and tells the hub at `url`. */
  readonly notify: (request: NoticeRequest) => Promise<object>;
}

export interface NoticeRequest {
  readonly bank: 'wss' | 'concat';
  readonly kind: 'sign' | 'cancel';
  readonly customerNo: string;
  readonly url: string;
}

/** Counts of the world, as `GET /control/world` and the in-process handle tell them. */
export function worldSummary(world: World) {
  const { meta } = world.store;
  return {
    ...{ seed: world.base.seed, people: meta.people, cards: cardTotal(world), doors: doorTotal(world) },
    ...{ grants: grantTotal(world), seq: meta.seq, feedFloor: meta.floor },
    ...{ eventSeq: meta.eventSeq, eventFloor: meta.eventFloor },
    waiting: world.store.waiting.getCount(),
    power: powerSummary(world),
    money: moneySummary(world),
    clock: world.clock.state(),
    now: isoShanghai(world.clock.now()),
  };
}

class BadRequest extends Error {}

type Fields = Readonly<Record<string, unknown>>;

async function fieldsOf(request: { json(): Promise<unknown> }): Promise<Fields> {
  const body: unknown = await request.json().catch(() => null);
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw new BadRequest('a JSON object is needed');
  return body as Fields;
}

function numberIn(fields: Fields, name: string): number | undefined {
  const value = fields[name];
  if (value === undefined) return undefined;
  if (typeof value !== 'number' || !Number.isFinite(value)) throw new BadRequest(`${name} must be a number`);
  return value;
}

function oneOf<T extends string>(fields: Fields, name: string, allowed: readonly T[]): T {
  const value = allowed.find((it) => it === fields[name]);
  if (value === undefined) throw new BadRequest(`${name} must be one of ${allowed.join(', ')}`);
  return value;
}

function faultOf(fields: Fields): FaultSwitch {
  const fault: FaultName = oneOf(fields, 'fault', FAULTS);
  const target = oneOf(fields, 'target', FAULT_TARGETS);
  const numbers = (['times', 'rate', 'ms', 'offsetMs'] as const).flatMap((name) => {
    const value = numberIn(fields, name);
    return value === undefined ? [] : [[name, value] as const];
  });
  const match = typeof fields.match === 'string' ? { match: fields.match } : {};
  return { target, fault, ...Object.fromEntries(numbers), ...match };
}

function clockRoutes(app: Hono, options: ControlOptions): void {
  const { world } = options;
  app.get('/control/clock', (c) => c.json(world.clock.state()));
  app.post('/control/clock', async (c) => {
    const fields = await fieldsOf(c.req);
    const now = typeof fields.now === 'string' ? Date.parse(fields.now) : numberIn(fields, 'now');
    if (Number.isNaN(now)) throw new BadRequest('now must be epoch ms or ISO 8601');
    const rate = numberIn(fields, 'rate');
    if (rate !== undefined && (rate < 0 || rate > 100_000)) throw new BadRequest('rate must be 0 to 100,000');
    const advanceMs = numberIn(fields, 'advanceMs');
    world.clock.set({
      ...(now !== undefined && { now }),
      ...(rate !== undefined && { rate }),
      ...(advanceMs !== undefined && { advanceMs }),
    });
    return c.json({ ...world.clock.state(), lived: advance(world, options.lifeFactor) });
  });
}

export function controlApp(options: ControlOptions): Hono {
  const { world, faults } = options;
  const app = new Hono();
  app.onError((error, c) => {
    const bad = error instanceof BadRequest || error instanceof RangeError;
    const body = {
      type: 'about:blank',
      title: bad ? 'Bad Request' : 'Internal Server Error',
      detail: error.message,
    };
    return c.json({ ...body, status: bad ? 400 : 500 }, bad ? 400 : 500);
  });
  app.get('/control/faults', (c) => c.json({ faults: faults.list() }));
  app.post('/control/faults', async (c) => {
    faults.add(faultOf(await fieldsOf(c.req)));
    return c.json({ faults: faults.list() }, 201);
  });
  app.delete('/control/faults', (c) => {
    faults.clear();
    return c.json({ faults: [] });
  });
  clockRoutes(app, options);
  app.post('/control/life', async (c) => {
    const fields = await fieldsOf(c.req);
    oneOf(fields, 'event', LIFE_EVENTS);
    const request = fields as unknown as LifeRequest;
    return c.json(applyLife(world, request));
  });
  app.post('/control/exports', async (c) => {
    const fields = await fieldsOf(c.req);
    const files = await writeExports(world, options.exportsDir, { torn: fields.torn === true });
    const desk =
      fields.desk === true ? await writeDeskExport(world, options.exportsDir, fields.torn === true) : [];
    return c.json({ folder: options.exportsDir, files: [...files, ...desk] });
  });
  app.post('/control/bank-notice', async (c) => {
    const fields = await fieldsOf(c.req);
    const bank = oneOf(fields, 'bank', ['wss', 'concat'] as const);
    const kind = oneOf(fields, 'kind', ['sign', 'cancel'] as const);
    return c.json(
      await options.notify({ bank, kind, customerNo: String(fields.customerNo), url: String(fields.url) }),
    );
  });
  app.get('/control/world', (c) => c.json(worldSummary(world)));
  return app;
}
