import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Campus } from '../start.js';
import { get, smallCampus, temporaryFolder } from '../testing.js';
import type { Door, DoorEvent, Grant } from './types.js';

const folder = temporaryFolder();
let campus: Campus;
beforeAll(async () => {
  campus = await smallCampus(folder.dir, { eventRetention: 20 });
});
afterAll(async () => {
  await campus.close();
  folder.remove();
});

interface Page<T> {
  readonly items: T[];
  readonly next: string | null;
  readonly asOf: string;
  readonly total?: number;
}

async function all<T>(path: string, limit: number): Promise<T[]> {
  const items: T[] = [];
  for (let after: string | null = ''; after !== null;) {
    const page = (await (await get(campus, `${path}?limit=${limit}&after=${after}`)).json()) as Page<T>;
    items.push(...page.items);
    after = page.next;
  }
  return items;
}

describe('the access-control vendor', () => {
  it('lists doors and grants by key, each once and in order', async () => {
    const doors = await all<Door>('/v1/doors', 2);
    expect(doors).toHaveLength(5);
    const grants = await all<Grant>('/v1/grants', 7);
    const ids = grants.map((grant) => grant.id);
    expect(ids).toEqual([...new Set(ids)].sort());
    expect(ids).toHaveLength(campus.summary().grants);
    expect(grants.filter((grant) => grant.subject.type === 'group').length).toBeGreaterThan(10);
    expect(new Set(grants.map((grant) => grant.subject.type))).toEqual(new Set(['group', 'person', 'card']));
    expect(new Set(grants.map((grant) => grant.resource.type))).toEqual(
      new Set(['door', 'doorGroup', 'group']),
    );
  });

  it('tells events in order of arrival, and 410 for a cursor that is too old', async () => {
    campus.life({ event: 'swipe', count: 15 });
    const { items, next } = (await (
      await get(campus, '/v1/events?after=0&limit=10')
    ).json()) as Page<DoorEvent>;
    expect(items.map((event) => event.seq)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(next).toBe('10');
    campus.life({ event: 'swipe', count: 15 });
    const gone = await get(campus, '/v1/events?after=9');
    expect(gone.status).toBe(410);
    expect(gone.headers.get('content-type')).toBe('application/problem+json');
    expect(await gone.json()).toMatchObject({ type: 'about:blank', title: 'Gone', status: 410 });
    const rest = (await (await get(campus, '/v1/events?after=10')).json()) as Page<DoorEvent>;
    expect([rest.items.length, rest.next]).toEqual([20, null]);
    expect(await (await get(campus, '/v1/head')).json()).toEqual({ seq: 30 });
  });

  it('a swipe carries the number as the reader of that door writes it', async () => {
    const doors = await all<Door>('/v1/doors', 10);
    expect(doors.slice(0, 3).map((door) => door.readerProfile)).toEqual([
      'wg26-3-5-be',
      'dec10-le',
      'uid-hex',
    ]);
    campus.life({ event: 'swipe', card: '1000000040', door: 'D-00002' });
    const page = (await (await get(campus, '/v1/events?after=30')).json()) as Page<DoorEvent>;
    expect(page.items[0]?.credential).toEqual({ profile: 'uid-hex', value: 'A5BA1EB4' });
    campus.life({ event: 'swipe', card: '1000000040', door: 'D-00000' });
    const [, first] = ((await (await get(campus, '/v1/events?after=30')).json()) as Page<DoorEvent>).items;
    expect(first?.credential).toEqual({ profile: 'wg26-3-5-be', value: '16547646' });
  });

  it('reads one door or grant, refuses without the key, and refuses what is out of form', async () => {
    expect(await (await get(campus, '/v1/doors/D-00001')).json()).toMatchObject({ id: 'D-00001' });
    expect((await get(campus, '/v1/doors/D-99999')).status).toBe(404);
    expect((await get(campus, '/v1/grants/G-00000003')).status).toBe(200);
    expect((await get(campus, '/v1/grants/none')).status).toBe(404);
    expect((await get(campus, '/v1/doors?limit=0')).status).toBe(400);
    expect((await get(campus, '/v1/events?after=-1')).status).toBe(400);
    expect((await get(campus, '/v1/doors/%E0%A4%A')).status).toBe(404);
    expect((await fetch(`${campus.urls.access}/v1/doors`)).status).toBe(401);
    expect(await (await get(campus, '/v1/clock')).json()).toEqual({ now: '2026-09-01T10:00:00.000+08:00' });
  });

  it('a temporary card gets a right on the gates, and a revoked right is told with a higher version', async () => {
    const { grants = [], changes } = campus.life({ event: 'temporary' });
    const id = grants[0]?.id ?? '';
    expect(await (await get(campus, `/v1/grants/${id}`)).json()).toMatchObject({
      subject: { type: 'card', id: changes[0]?.cardno },
      resource: { type: 'doorGroup', id: 'all-perimeter' },
      version: 1,
    });
    campus.life({ event: 'revoke', id });
    const listed = (await all<Grant>('/v1/grants', 500)).find((grant) => grant.id === id);
    expect(listed).toMatchObject({ state: 'revoked', version: 2 });
  });
});
