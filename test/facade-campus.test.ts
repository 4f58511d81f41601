/**
 * What other systems ask the facade about the simulated campus, through real HTTP as clients of hub.yaml: money and bank
 * signing beside an identity check, the lockers, and the power of classrooms.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { startCampus, type Campus } from '../campus/start.js';
import { lessonsOf, roomId } from '../campus/world/classrooms.js';
import { cardOf } from '../campus/world/world.js';
import { connectors } from '../connectors/index.js';
import type { BankAgreement } from '../contracts/types.js';
import { newSecret } from '../hub/clients/secrets.js';
import { loadConfig } from '../hub/config/load.js';
import { DEFAULT_POLICY_DOCUMENT } from '../hub/decide/default-policy.js';
import { campusSources } from '../hub/demo/campus-sources.js';
import { SigningKeys } from '../hub/clients/signing-keys.js';
import { startRuntime, type Runtime } from '../hub/run/runtime.js';
import { bentTokens, confusedTokens } from './hostile/tokens.js';

/** 2026-09-10 (a Thursday) 10:00 in Shanghai. */
const MORNING = Date.UTC(2026, 8, 10, 2);
const secrets = { shop: newSecret(), desk: newSecret(), 'bank-desk': newSecret(), kiosk: newSecret() };
const PEOPLE = 80;
type ClientName = keyof typeof secrets;
const fatal: Error[] = [];
let dir: string;
let campus: Campus;
let runtime: Runtime;

function clients(): object {
  const client = (name: ClientName, rights: object) => ({
    credentials: { secrets: [secrets[name].digest] },
    ...{ purposes: ['identity'], ...rights },
  });
  return {
    shop: client('shop', {
      scopes: ['identity', 'balance'],
      fields: ['spendableOnCardFen', 'pendingClaimFen'],
    }),
    desk: client('desk', { scopes: ['identity'], fields: ['name'] }),
    kiosk: client('kiosk', { scopes: ['decide'], purposes: ['locker', 'classroom'] }),
    'bank-desk': client('bank-desk', { scopes: ['identity', 'bank-signing'], fields: ['banks'] }),
  };
}

/** As the default, and staff may open a locker that is not theirs, with a reason. */
const POLICY = {
  ...DEFAULT_POLICY_DOCUMENT,
  version: 'campus-test-1',
  rules: [
    {
      ...{ id: 'staff-open-lockers-with-a-reason', effect: 'permit', resource: { type: 'locker' } },
      action: ['override'],
      when: [
        { attribute: 'subject.personClass', is: 'STAFF' },
        { attribute: 'action.reason', present: true },
      ],
    },
  ],
};

async function start(): Promise<Runtime> {
  const all = campusSources(campus) as Record<string, { streams?: Record<string, object> }>;
  const core = { ...all['core'], streams: { cards: { poll: '100ms' }, accounts: { poll: '200ms' } } };
  const polls = { lockers: { poll: '500ms' }, uses: { poll: '100ms', after: ['core/cards'] } };
  const lockers = { ...all['lockers'], streams: polls };
  const classrooms = { ...all['classrooms'], streams: { rooms: { poll: '500ms' } } };
  const config = {
    ...{ version: 1, tenant: 'demo', data: './hub', clients: clients() },
    facade: { host: '127.0.0.1', port: 0, publicUrl: 'https://cards.example.edu' },
    policy: './policy.yaml',
    sources: { core, 'bank-sea': all['bank-sea'], lockers, classrooms },
  };
  writeFileSync(join(dir, 'policy.yaml'), stringify(POLICY));
  const path = join(dir, 'hub.yaml');
  writeFileSync(path, stringify(config));
  const loaded = loadConfig(path, { env: {}, specs: Object.values(connectors).map(({ spec }) => spec) });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  return startRuntime(loaded.config, {
    connectors: Object.values(connectors),
    now: () => campus.clock.now(),
    onFatal: (error) => fatal.push(error),
  });
}

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
}

const tokens = new Map<ClientName, string>();

async function tokenOf(client: ClientName): Promise<string> {
  const known = tokens.get(client);
  if (known !== undefined) return known;
  const response = await fetch(`${runtime.facade.url}/oauth2/token`, {
    method: 'POST',
    headers: {
      authorization: `Basic ${Buffer.from(`${client}:${secrets[client].secret}`).toString('base64')}`,
    },
    body: new URLSearchParams({ grant_type: 'client_credentials' }),
  });
  const { access_token: token } = (await response.json()) as { access_token: string };
  tokens.set(client, token);
  return token;
}

async function ask(client: ClientName, path: string, body: object): Promise<Answer> {
  const response = await fetch(`${runtime.facade.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${await tokenOf(client)}` },
    body: JSON.stringify(body),
  });
  const { status, headers } = response;
  return { status, headers, body: (await response.json()) as Record<string, unknown> };
}
const check = (client: ClientName, body: object) => ask(client, '/v1/identity/check', body);

async function until<T>(what: string, find: () => Promise<T | undefined>): Promise<T> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    const found = await find();
    if (found !== undefined) return found;
    if (Date.now() > deadline) throw new Error(`not within 30 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'cardhub-facade-'));
  const clock = { now: MORNING, rate: 1 };
  campus = await startCampus({ dir: join(dir, 'campus'), seed: 11, people: PEOPLE, life: false, clock });
  runtime = await start();
});
afterAll(async () => {
  await runtime.stop();
  await campus.close();
  rmSync(dir, { recursive: true, force: true });
  expect(fatal).toEqual([]);
});

describe('money beside an identity check', () => {
  const CARD = '1000000010';
  const asked = { card: `core:${CARD}`, include: ['balance'] };
  const balance = async (known: (fen: number) => boolean = () => true) =>
    until('a balance', async () => {
      const { body } = await check('shop', asked);
      const found = body['balance'] as Record<string, unknown> | undefined;
      const fen = found?.['spendableOnCardFen'];
      return typeof fen === 'number' && known(fen) ? { body, found, fen } : undefined;
    });

  it('comes with its age and unit, in the fields of the agreement, and follows the core', async () => {
    const { body, found, fen } = await balance();
    expect(Object.keys(found ?? {}).sort()).toEqual(
      ['ageMs', 'asOf', 'certainty', 'currency', 'pendingClaimFen', 'spendableOnCardFen', 'unit'].sort(),
    );
    expect(found).toMatchObject({ certainty: 'CERTAIN', currency: 'CNY', unit: 'fen' });
    expect(found?.['ageMs']).toBeLessThan(30_000);
    expect(body, 'no name, which is not in its agreement').not.toHaveProperty('maskedName');
    campus.life({ event: 'spend', card: CARD, amountFen: 350 });
    expect((await balance((now) => now !== fen)).fen).toBe(fen - 350);
  });

  it('needs a scope of its own, and a card that matches', async () => {
    const refused = await check('desk', asked);
    expect([refused.status, refused.body['code']]).toEqual([403, 'FORBIDDEN']);
    expect(refused.headers.get('www-authenticate')).toContain('scope="identity balance"');
    expect((await check('bank-desk', asked)).status).toBe(403);
    expect((await check('desk', { card: asked.card })).body).toMatchObject({ match: true });
    expect((await check('shop', { card: asked.card })).body).not.toHaveProperty('balance');
    expect((await check('shop', { ...asked, name: '某人' })).body).toEqual({ match: false });
    expect((await check('shop', { ...asked, include: ['balance', 'name'] })).status).toBe(400);
    expect((await check('shop', { ...asked, include: 'balance' })).status).toBe(400);
    campus.life({ event: 'lose', card: CARD });
    await until('the loss', async () => {
      const { body } = await check('shop', asked);
      if (body['state'] !== 'LOST') return undefined;
      expect(body).not.toHaveProperty('balance');
      return body;
    });
  });

  it('says whether banks may debit a person; nothing known is UNKNOWN, never NOT_SIGNED', async () => {
    const signed = new Map<string, BankAgreement['state']>();
    const expected = { signed: 'SIGNED', cancelled: 'NOT_SIGNED', undecided: 'UNKNOWN' } as const;
    for (const { customerNo, state } of campus.bank.books.agreements())
      signed.set(customerNo, expected[state]);
    const said = new Set<string>();
    for (const [schoolNumber, state] of [...signed]) {
      const body = { schoolNumber, source: 'core', include: ['bankSigning'] };
      const answer = await until('what the bank says', async () => {
        const { body: found } = await check('bank-desk', body);
        const signing = found['bankSigning'] as { state: string; ageMs: number | null } | undefined;
        if (found['match'] !== true) return found;
        return typeof signing?.ageMs === 'number' ? found : undefined;
      });
      if (answer['match'] !== true) continue;
      expect(answer['bankSigning']).toMatchObject({ state, banks: [{ bank: 'bank-sea', state }] });
      said.add(state);
    }
    expect([...said].sort()).toEqual(['NOT_SIGNED', 'SIGNED', 'UNKNOWN']);
  });
});

interface Decided {
  readonly decision: boolean;
  readonly reason: string;
}

/** What a kiosk or a console asks, with the card's key. */
async function decide(
  card: string,
  type: 'locker' | 'classroom',
  id: string,
  action: { readonly name: string; readonly properties?: object },
): Promise<Decided> {
  const { status, body } = await ask('kiosk', '/access/v1/evaluation', {
    subject: { type: 'card', id: `core:${card}` },
    resource: { type, id },
    action,
    options: { reasons: true },
  });
  expect(status, JSON.stringify(body)).toBe(200);
  return { decision: body['decision'] as boolean, reason: (body['context'] as { reason: string }).reason };
}

/** A good card of a person of that class. */
function cardOfClass(personClass: string, after = ''): string {
  for (let person = 0; person < PEOPLE; person++) {
    const card = `1${String(person).padStart(8, '0')}0`;
    const holder = runtime.view.card(`core:${card}`)?.holder;
    const known = holder === undefined ? undefined : runtime.view.people.describe(holder);
    const isGood = cardOf(campus.world, card)?.status === 1 && card > after;
    if (isGood && known?.personClass === personClass) return card;
  }
  throw new Error(`no card of ${personClass}`);
}

describe('bag lockers', () => {
  const open = (card: string, box: string) => decide(card, 'locker', box, { name: 'open' });
  const override = (card: string, box: string, reason?: string) =>
    decide(card, 'locker', box, {
      name: 'override',
      ...(reason !== undefined && { properties: { reason } }),
    });
  const until200 = (what: string, reason: string, find: () => Promise<Decided>) =>
    until(what, async () => ((await find()).reason === reason ? true : undefined));
  let box: string;
  let mine: string;
  let other: string;
  let staff: string;

  it('open to whoever has a bag in them, and to nobody else', async () => {
    mine = cardOfClass('STUDENT', '1000000200');
    other = cardOfClass('STUDENT', mine);
    staff = cardOfClass('STAFF');
    expect(campus.life({ event: 'store', card: mine }).done).toBe(1);
    box = `lockers:${campus.world.store.desk.boxesOfCard.get(mine)}`;
    await until200('the session', 'ALLOW', () => open(mine, box));
    expect(await open(other, box)).toEqual({ decision: false, reason: 'DENY_NO_RIGHT' });
    expect((await open(mine, 'lockers:K001-99')).reason).toBe('DENY_NO_RIGHT');
    expect((await open(staff, box)).decision, 'staff have no locker by that').toBe(false);
  });

  it('open to staff with a reason, which the decision keeps', async () => {
    expect((await override(staff, box)).decision, 'without a reason').toBe(false);
    expect((await override(staff, box, '')).decision).toBe(false);
    expect((await override(other, box, 'mine too')).decision, 'a student').toBe(false);
    expect(await override(staff, box, '卡已挂失')).toEqual({ decision: true, reason: 'ALLOW' });
  });

  it('never keep a bag in for a lost card: staff open it, and so does the card that replaces it', async () => {
    campus.life({ event: 'lose', card: mine });
    await until200('the loss', 'DENY_LOST', () => open(mine, box));
    expect((await override(staff, box, '卡已挂失')).decision).toBe(true);
    campus.life({ event: 'replace', card: mine });
    const replaced = await until('the new card', async () => {
      const key = runtime.view
        .cardsOfPerson(runtime.view.card(`core:${mine}`)?.holder ?? '')
        .find(({ key, state }) => state === 'NORMAL' && key !== `core:${mine}`)?.key;
      return key?.slice('core:'.length);
    });
    expect((await open(mine, box)).decision).toBe(false);
    expect(await open(replaced, box)).toEqual({ decision: true, reason: 'ALLOW' });
  });

  it('are nobody’s when they have been emptied', async () => {
    const third = cardOfClass('STUDENT', other);
    campus.life({ event: 'store', card: third });
    const his = `lockers:${campus.world.store.desk.boxesOfCard.get(third)}`;
    await until200('the session', 'ALLOW', () => open(third, his));
    campus.life({ event: 'staff-open', locker: his.slice('lockers:'.length) });
    await until200('its end', 'DENY_NO_RIGHT', () => open(third, his));
  });
});

describe('classroom power', () => {
  it('goes by the academic office’s timetable: the teacher of the lesson that is on, and nobody else', async () => {
    const now = campus.clock.now();
    // The campus makes its timetable by room and day: a room with a lesson now, and one of later today.
    const rooms = [0, 1, 2, 3, 4, 5].map((room) => ({ room, lessons: lessonsOf(campus.world, room, now) }));
    const near = (from: string, until: string) =>
      Date.parse(from) - 20 * 60_000 <= now && now < Date.parse(until) + 20 * 60_000;
    const teaching = rooms.flatMap(({ room, lessons }) => {
      const id = `classrooms:${roomId(room)}`;
      return lessons.map(({ from, until, teacher }) => ({ id, teacher, isOn: near(from, until) }));
    });
    const on = teaching.find(({ isOn }) => isOn)!;
    const later = teaching.find(({ id, teacher, isOn }) => {
      return !isOn && !teaching.some((one) => one.isOn && one.id === id && one.teacher === teacher);
    })!;
    const cardOfNumber = (schoolNumber: string) =>
      runtime.view
        .cardsOfPerson(`core:${schoolNumber}`)
        .find(({ state, lost }) => state === 'NORMAL' && !lost)!
        .key.slice('core:'.length);
    const powerOn = (card: string, room: string) => decide(card, 'classroom', room, { name: 'power_on' });
    await until('the timetable', async () =>
      (await powerOn(cardOfNumber(on.teacher!), on.id)).decision ? true : undefined,
    );
    expect(await powerOn(cardOfNumber(later.teacher!), later.id)).toEqual({
      decision: false,
      reason: 'DENY_TIME',
    });
    expect((await powerOn(cardOfClass('STUDENT', '1000000300'), on.id)).reason).toBe('DENY_NO_RIGHT');
  });
});

describe('a token that is not good here', () => {
  const withToken = async (token: string) => {
    const response = await fetch(`${runtime.facade.url}/v1/identity/check`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: JSON.stringify({ card: 'core:1000000010' }),
    });
    const { status, headers } = response;
    return { status, text: await response.text(), asks: headers.get('www-authenticate') };
  };

  it('opens nothing, and learns nothing of what was wrong: issuer, audience, algorithm, key, time, none', async () => {
    const good = await tokenOf('desk');
    const now = campus.clock.now();
    const { dir: folder } = runtime.hub.config.keys;
    const { key } = await (await SigningKeys.open(folder, 86_400_000, now)).current(now);
    const jwks = (await (await fetch(`${runtime.facade.url}/oauth2/jwks`)).json()) as { keys: object[] };
    const confused = await confusedTokens({ good, key, publicKey: jwks.keys[0]!, now });
    const bent = fc.sample(bentTokens(good), { seed: 20261123, numRuns: 100 });
    expect((await withToken(good)).status, 'the good one').toBe(200);
    const answers = new Set<string>();
    for (const { name, token } of [...confused, ...bent]) {
      const answer = await withToken(token);
      expect([name, answer.status]).toEqual([name, 401]);
      answers.add(JSON.stringify(answer));
    }
    expect([...answers], 'one and the same answer').toHaveLength(1);
  });
});
