import type { Card, DoorEvent } from '../../contracts/types.js';
import { TOPICS } from '../../contracts/types.js';
import { openEmbeddedLog } from '../../hub/log/embedded/index.js';
import type { Log, LogRecord, LogWriter } from '../../hub/log/log.js';
import { openCodecs, recordCodec } from '../../hub/run/codec.js';

/** A log that a test fills by hand, without upstream systems. */

const AT = Date.UTC(2026, 10, 23, 5, 40);
const codec = recordCodec(openCodecs(), '/test/core/cards', () => AT);

export const decode = (topic: string, bytes: Uint8Array): object => codec.decode(topic, bytes);

export async function openTestLog(dir: string): Promise<Log> {
  const log = await openEmbeddedLog({ dir, topics: TOPICS, now: Date.now });
  await log.applyTopics(TOPICS);
  return log;
}

export function card(n: number, more: Partial<Card> = {}): LogRecord {
  const key = `core:${String(n).padStart(10, '0')}`;
  const value: Card = {
    cardKey: key,
    source: 'core',
    cardId: key.slice(5),
    version: 1,
    holder: n % 5 === 0 ? null : { source: 'core', key: `core:2026${n}` },
    accountKey: n % 3 === 0 ? null : `core:${n}`,
    cardType: 'FORMAL',
    state: 'NORMAL',
    stateReason: n % 7 === 0 ? 'a "quoted" \\ text, 中文, {braces}\n\tand tabs\u0000' : null,
    lost: false,
    frozen: n % 2 === 0,
    damaged: false,
    locked: false,
    lostAt: n % 4 === 0 ? AT + n : null,
    frozenCause: null,
    validFrom: 20_000 - n,
    validUntil: n % 6 === 0 ? null : 21_000,
    replacedBy: null,
    replaces: null,
    credentials: [{ scheme: 'UID', value: `5630F0${n}` }],
    changedAt: AT - n * 1_000,
    dataQuality: n % 9 === 0 ? ['HOLDER_UNKNOWN', 'INFERRED'] : [],
    ...more,
  };
  return record('master.card', key, value, `core:cards:s1/${n}#${value.version}`);
}

export function cardEnd(n: number): LogRecord {
  const key = `core:${String(n).padStart(10, '0')}`;
  return {
    topic: 'master.card',
    key,
    value: null,
    headers: codec.headers('master.card', key, `end-${n}`, AT),
  };
}

export function swipe(n: number): LogRecord {
  const value: DoorEvent = {
    eventId: `gate:swipes:${n}`,
    source: 'gate',
    doorKey: `gate:D${n % 20}`,
    cardKey: n % 3 === 0 ? null : `core:${n % 100}`,
    credentialPseudonym: n % 3 === 0 ? `hmac-sha256:${n}` : null,
    direction: n % 2 === 0 ? 'ENTER' : 'EXIT',
    granted: n % 4 === 0 ? null : true,
    upstreamReason: null,
    reason: null,
    occurredAt: AT + n * 1_000,
    businessDate: 20_780,
    collectedAt: null,
    deviceIndex: String(n),
    dataQuality: [],
  };
  return record('master.door-event', value.doorKey, value, value.eventId);
}

function record(topic: string, key: string, value: object, id: string): LogRecord {
  return { topic, key, value: codec.encode(topic, value), headers: codec.headers(topic, key, id, AT) };
}

let positions = 0;

/** Appends records in one transaction, as a stream does. */
export async function append(writer: LogWriter, records: readonly LogRecord[]): Promise<void> {
  positions += 1;
  const id = `p${positions}`;
  await writer.append({
    records,
    position: () => ({
      topic: 'hub.positions',
      key: writer.id,
      // Nothing reads it here.
      value: codec.encode('hub.positions', positionValue(writer.id)),
      headers: codec.headers('hub.positions', writer.id, id, AT),
    }),
  });
}

function positionValue(sourcePartition: string): object {
  const lines = {
    read: 0,
    published: 0,
    unchanged: 0,
    records: {},
    filtered: {},
    quarantined: {},
    marked: {},
  };
  return {
    sourcePartition,
    sequence: positions,
    mode: 'SNAPSHOT',
    snapshotNumber: 1,
    cursor: 'null',
    feedCursor: null,
    asOf: AT,
    snapshotCompletedAt: AT,
    absent: [],
    absentCount: 0,
    held: null,
    written: [],
    books: { batch: lines, total: lines },
    digests: {},
    hubRulesVersion: 1,
  };
}
