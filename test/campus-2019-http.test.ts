/**
 * The real swipes of April 2019 through the HTTP facade: each with the number that the reader sent, at the door
 * and the time of the swipe. The answers are those of `cardhub shadow`, swipe by swipe. Skipped without the data.
 */
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DoorEvent } from '../contracts/types.js';
import { eachDoorEvent, readView } from '../hub/cli/recorded.js';
import { withReader } from '../hub/cli/open-reader.js';
import { loadConfig } from '../hub/config/load.js';
import { connectors } from '../connectors/index.js';
import { readProposedGrants } from '../hub/desk/proposed-grants.js';
import { createFacade } from '../hub/facade/app.js';
import { DecisionLog } from '../hub/facade/decision-log.js';
import { startFacade, type FacadeServer } from '../hub/facade/server.js';
import { parseDate } from '../transforms/time.js';
import { cardhub } from './cardhub.js';

const DATA = path.resolve(process.env['CAMPUS_2019_DIR'] ?? '../shared/data/campus-2019');
const present = existsSync(path.join(DATA, 'door-swipes.csv'));
const HUB = 'examples/campus-2019/hub.yaml';
const FROM = '2019-04-09';
const UNTIL = '2019-04-15';

let folder = '';
let facade: FacadeServer | undefined;
let clock = Date.now();
const agent = new Agent({ keepAlive: true, maxSockets: 1 });

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'cardhub-http-'));
});
afterAll(async () => {
  agent.destroy();
  await facade?.close();
  await rm(folder, { recursive: true });
});

/** What the readers sent, by the id of the event. */
function numbers(): ReadonlyMap<string, string> {
  const text = new TextDecoder('gb18030').decode(readFileSync(path.join(DATA, 'door-swipes.csv')));
  const rows = text
    .split(/\r?\n/)
    .slice(1)
    .map((line) => line.split(','));
  return new Map(rows.map(([index = '', number = '']) => [index, number.trim()]));
}

interface Answer {
  readonly decision: boolean;
  readonly context: { readonly reason: string };
}

async function ask(url: string, body: unknown): Promise<Answer> {
  const text = JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const sent = request(
      `${url}/access/v1/evaluation`,
      {
        method: 'POST',
        agent,
        headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) },
      },
      (response) => {
        let answer = '';
        response.setEncoding('utf8').on('data', (part: string) => (answer += part));
        response.on('end', () => resolve(JSON.parse(answer) as Answer));
      },
    );
    sent.on('error', reject).end(text);
  });
}

describe.skipIf(!present)('the real swipes of 2019 over HTTP', () => {
  it('get the answers that shadow gave, each of them', async () => {
    const env = { CAMPUS_2019_DIR: DATA, CARDHUB_DATA: path.join(folder, 'data') };
    const run = (...args: string[]) => cardhub(env, ...args, '-c', HUB);
    expect((await run('sync', '--once')).exit).toBe(0);
    const grants = path.join(folder, 'grants.csv');
    const rows = path.join(folder, 'rows.csv');
    await run('grants', 'propose', '--from', '2019-04-01', '--until', '2019-04-08', '--out', grants);
    const shadow = await run('shadow', '--from', FROM, '--until', UNTIL, '--grants', grants, '--rows', rows);
    const { swipes, differences } = shadow.document as { swipes: number; differences: number };
    expect([swipes, differences]).toEqual([9_924, 5_320]);

    const specs = Object.values(connectors).map(({ spec }) => spec);
    const loaded = loadConfig(path.resolve(HUB), { env, specs });
    if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
    const { config } = loaded;
    const events: DoorEvent[] = [];
    const [first, last] = [FROM, UNTIL].map((day) => {
      const parsed = parseDate(day);
      return parsed?.ok === true ? parsed.days : NaN;
    }) as [number, number];
    const signal = new AbortController().signal;
    const { view } = await withReader(config, async (reader) => {
      await eachDoorEvent(reader, signal, (event) => {
        if (event.businessDate >= first && event.businessDate <= last) events.push(event);
      });
      return readView(reader, config, () => clock, signal);
    });
    const gate = config.sources.find(({ name }) => name === 'gate');
    const proposed = await readProposedGrants({
      folder,
      name: 'grants.csv',
      source: 'gate',
      mapping: gate?.mapping ?? {},
      now: Date.now,
      random: Math.random,
      signal,
    });
    expect(proposed).toMatchObject({ refused: [], grants: { length: 778 } });
    for (const grant of proposed.grants) view.apply('master.access-grant', grant.grantKey, grant);

    const decisions = new DecisionLog({
      sink: { encode: (record) => record, append: async () => undefined },
      replica: 'r1',
      pseudonym: (text) => text,
      now: () => clock,
    });
    const follower = { ready: true, lag: 0, faults: [] };
    const app = createFacade({ view, follower, decisions, now: () => clock, alwaysReasons: true });
    facade = await startFacade(app, { host: '127.0.0.1', port: 0 });
    const sent = numbers();
    const differing = new Map(
      readFileSync(rows, 'utf8')
        .trim()
        .split('\r\n')
        .slice(1)
        .map((line) => {
          const id = line.slice(line.lastIndexOf(',') + 1);
          return [id, line.split(',').find((field) => /^(ALLOW|DENY)(_|$)/.test(field))];
        }),
    );
    let same = 0;
    for (const event of events) {
      clock = event.occurredAt;
      const id = sent.get(event.eventId.slice(event.eventId.lastIndexOf(':') + 1));
      const answer = await ask(facade.url, {
        subject: { type: 'credential', id, properties: { readerProfile: 'wg26-3-5' } },
        resource: { type: 'door', id: event.doorKey },
        action: { name: event.direction === 'ENTER' ? 'enter' : 'exit' },
      });
      const reason = differing.get(event.eventId);
      // Where shadow lists no difference, the hub said what the access system did.
      expect([event.eventId, answer.decision]).toEqual([
        event.eventId,
        reason === undefined ? event.granted : !event.granted,
      ]);
      if (reason?.startsWith('DENY') === true) expect(answer.context.reason).toBe(reason);
      same += 1;
    }
    expect(same).toBe(9_924);
    await decisions.close();
  });
});
