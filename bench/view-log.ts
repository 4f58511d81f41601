/** An embedded log with a whole campus in it, made once and kept in `.cache/bench`; and the view that is read from it. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { AccessGrant, Card, Door, PersonSource, TopicName, TopicValue } from '../contracts/types.js';
import { TOPICS } from '../contracts/types.js';
import { readerProfiles } from '../transforms/reader-profiles.js';
import { loadCatalogue } from '../hub/log/catalogue.js';
import { openEmbeddedLog } from '../hub/log/embedded/index.js';
import type { Log, LogRecord } from '../hub/log/log.js';
import { openCodecs, recordCodec } from '../hub/run/codec.js';
import { emptyBooks } from '../hub/sync/books.js';
import { firstProgress, writePosition } from '../hub/sync/position.js';
import { followLog, type Follower } from '../hub/views/follow.js';
import { createHubView, type HubView } from '../hub/views/view.js';
import { CACHE } from './campus-files.js';

export const DOORS = 1_000;
const DOOR_GROUPS = 20;
const UNITS = 50;
const ROWS_A_BATCH = 5_000;

export const cardKeyOf = (n: number): string => `core:${String(n).padStart(10, '0')}`;
const personIdOf = (n: number): string => `2026${String(n).padStart(7, '0')}`;
export const personKeyOf = (n: number): string => `core:${personIdOf(n)}`;
/** Spread over the numbers of a chip, none of them a random or a cascade number. */
export const uidOf = (n: number): string =>
  (0x10000000 + ((Math.imul(n, 2_654_435_761) >>> 0) % 0x70000000)).toString(16).toUpperCase();
export const doorKeyOf = (n: number): string => `gate:${n}`;

export interface Campus {
  readonly cards: number;
  /** Fewer than cards: the first card of each is in use, the others were replaced by it. Default: one card each. */
  readonly people?: number;
  /** The last doors that no right of a group reaches: each has rights for so many persons. Default: none. */
  readonly rooms?: { readonly doors: number; readonly people: number };
}

/** Makes the log if it is not there. @returns its folder */
export async function viewLog(of: number | Campus, note: (text: string) => void): Promise<string> {
  const campus = typeof of === 'number' ? { cards: of } : of;
  const { cards } = campus;
  // A log of other contracts lacks their topics.
  const contracts = createHash('sha256').update(JSON.stringify(loadCatalogue().entries)).digest('hex');
  const shape = campus.people === undefined ? '' : `-${campus.people}p-${campus.rooms?.doors ?? 0}r`;
  const dir = join(CACHE, `log-${cards}${shape}-${contracts.slice(0, 8)}`);
  if (existsSync(dir)) return dir;
  note(`making a log with ${cards} cards, once`);
  const making = `${dir}.making`;
  await rm(making, { recursive: true, force: true });
  await mkdir(making, { recursive: true });
  const log = openEmbeddedLog({ dir: making, topics: TOPICS, now: Date.now });
  const opened = await log;
  await opened.applyTopics(TOPICS);
  await fill(opened, campus);
  await opened.close();
  await rename(making, dir);
  return dir;
}

interface Made<T extends TopicName = TopicName> {
  readonly topic: T;
  readonly key: string;
  readonly value: TopicValue[T];
}

async function fill(
  log: Log,
  { cards, people = cards, rooms = { doors: 0, people: 0 } }: Campus,
): Promise<void> {
  const at = Date.now();
  const write = async (stream: string, rows: number, make: (n: number) => readonly Made[]): Promise<void> => {
    const id = `bench/${stream}/0`;
    const codec = recordCodec(openCodecs(), `/bench/${stream}`, () => at);
    const writer = await log.openWriter(id);
    const progress = { ...firstProgress(), asOf: at, snapshotCompletedAt: at };
    for (let from = 0; from < rows; from += ROWS_A_BATCH) {
      const records: LogRecord[] = [];
      for (let n = from; n < Math.min(rows, from + ROWS_A_BATCH); n++) {
        for (const { topic, key, value } of make(n)) {
          const headers = codec.headers(topic, key, `${stream}:s1/${n}#0`, at);
          records.push({ topic, key, value: codec.encode(topic, value), headers });
        }
      }
      progress.sequence++;
      const position = writePosition(id, progress, 'SNAPSHOT', emptyBooks());
      await writer.append({
        records,
        position: (written) => ({
          topic: 'hub.positions',
          key: id,
          value: codec.encode('hub.positions', position(written)),
          headers: codec.headers('hub.positions', id, `${id}@${progress.sequence}`, at),
        }),
      });
    }
    await writer.close();
  };
  const firstRoom = DOORS - rooms.doors;
  await write('gate/doors', DOORS, (n) => {
    const value = n < firstRoom ? doorOf(n) : { ...doorOf(n), groups: [] };
    return [{ topic: 'master.door', key: doorKeyOf(n), value }];
  });
  const groups = DOOR_GROUPS * UNITS;
  await write('gate/grants', groups + rooms.doors * rooms.people, (n) => {
    const value = n < groups ? grantOf(n) : roomGrantOf(n, n - groups, firstRoom, { ...rooms, of: people });
    return [{ topic: 'master.access-grant', key: `gate:g${n}`, value }];
  });
  await write('core/cards', cards, (n) => [
    ...(n < people ? [{ topic: 'hub.person-source', key: personKeyOf(n), value: personOf(n) } as const] : []),
    { topic: 'master.card', key: cardKeyOf(n), value: n < people ? cardOf(n) : replacedCardOf(n, people) },
  ]);
}

function doorOf(n: number): Door {
  return {
    ...{ doorKey: doorKeyOf(n), source: 'gate', doorId: String(n), version: 1, name: `Door ${n}` },
    ...{ doorClass: n % 10 === 0 ? 'PERIMETER' : 'CLASSROOM', building: `B${n >> 4}`, campus: null },
    ...{ groups: [`gate:group:${n % DOOR_GROUPS}`], readerProfile: 'uid-hex', auditRequired: false },
    ...{ state: 'ACTIVE', stateReason: null, dataQuality: [] },
  };
}

/** Every unit may pass every group of doors; half of the rights have hours. */
function grantOf(n: number): AccessGrant {
  const group = n % DOOR_GROUPS;
  const days = [1, 2, 3, 4, 5, 6, 7];
  return {
    ...{ grantKey: `gate:g${n}`, source: 'gate', grantId: `g${n}`, version: 1 },
    ...{ subjectType: 'GROUP', subject: `unit:${Math.floor(n / DOOR_GROUPS)}` },
    ...{ resourceType: 'DOOR_GROUP', resource: `gate:group:${group}`, direction: 'BOTH' },
    ...{ validFrom: null, validUntil: null },
    schedule: group % 2 === 0 ? [] : [{ days, from: '00:00', until: '24:00' }],
    ...{ state: 'ACTIVE', stateReason: null, dataQuality: [] },
  };
}

/** A right of one person at one room, at any time. */
function roomGrantOf(
  n: number,
  i: number,
  firstRoom: number,
  { people, of }: { readonly people: number; readonly of: number },
): AccessGrant {
  return {
    ...grantOf(n),
    ...{ subjectType: 'PERSON', subject: personKeyOf((i * 7_919) % of) },
    ...{ resourceType: 'DOOR', resource: doorKeyOf(firstRoom + Math.floor(i / people)), schedule: [] },
  };
}

function personOf(n: number): PersonSource {
  const id = personIdOf(n);
  return {
    ...{ personKey: `core:${id}`, source: 'core', sourceId: id, version: 0, schoolNumber: id },
    ...{ name: `张${String.fromCharCode(0x4e00 + (n % 2_000))}`, sex: '1', personClass: 'STUDENT' },
    ...{ unitCode: String(n % UNITS), unitName: '信息科学与工程学院', idDocumentType: '1' },
    idDocumentPseudonym: `hmac-sha256:${String(n).padStart(22, 'a')}`,
    groups: ['class:STUDENT', `unit:${n % UNITS}`],
    ...{ validFrom: null, validUntil: null, state: 'ACTIVE', stateReason: null, dataQuality: [] },
  };
}

export function cardOf(n: number): Card {
  const cardKey = cardKeyOf(n);
  return {
    ...{ cardKey, source: 'core', cardId: cardKey.slice(5), version: 1 },
    ...{
      holder: { source: 'core', key: personKeyOf(n) },
      accountKey: `core:${n}`,
      cardType: 'FORMAL',
    },
    ...{ state: 'NORMAL', stateReason: null, lost: false, frozen: false, damaged: false, locked: false },
    ...{
      lostAt: null,
      frozenCause: null,
      validFrom: 19_000,
      validUntil: 40_000,
      replacedBy: null,
      replaces: null,
    },
    credentials: [{ scheme: 'UID', value: uidOf(n) }],
    ...{ changedAt: null, dataQuality: [] },
  };
}

function replacedCardOf(n: number, people: number): Card {
  const holder = n % people;
  return {
    ...cardOf(n),
    ...{ holder: { source: 'core', key: personKeyOf(holder) }, accountKey: `core:${holder}` },
    ...{ state: 'REPLACED', replacedBy: cardKeyOf(holder), validUntil: 19_500 },
  };
}

export interface OpenView {
  readonly log: Log;
  readonly view: HubView;
  readonly follower: Follower;
}

/**
 * Opens the log and begins to follow it: as a reader beside the hub, or as the hub itself.
 * @param before what else looks at the records, before the first of them
 */
export async function openView(
  dir: string,
  readOnly = true,
  before: (view: HubView) => HubView = (view) => view,
): Promise<OpenView> {
  const log = await openEmbeddedLog({ dir, topics: TOPICS, now: Date.now, readOnly });
  const codecs = openCodecs();
  const { profiles } = readerProfiles();
  const view = before(createHubView({ tenant: 'bench', profiles, now: Date.now }));
  const follower = followLog({
    ...{ log, view, now: Date.now },
    decoder: codecs.view,
    onProblem: ({ cause }) => console.error(cause),
  });
  return { log, view, follower };
}
