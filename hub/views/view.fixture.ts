/** Records with sensible defaults and a log in memory, for the tests of views and facade. */
import type {
  AccessGrant,
  Card,
  Door,
  DoorEvent,
  OutOfScopeCard,
  PersonSource,
  Position,
} from '../../contracts/types.js';
import { readerProfiles } from '../../transforms/reader-profiles.js';
import type { Log, LogRecord, PartitionBounds, ReadBatch, ReadOptions, StoredRecord } from '../log/log.js';
import { createHubView } from './view.js';
import type { HubView, HubViewOptions } from './view.js';

export const NOW = Date.parse('2026-11-23T10:00:00+08:00'); // a Monday

export function card(change: Partial<Card> = {}): Card {
  return {
    cardKey: 'core:1',
    source: 'core',
    cardId: '1',
    version: 1,
    holder: { source: 'core', key: 'core:20260001' },
    accountKey: null,
    cardType: 'FORMAL',
    state: 'NORMAL',
    stateReason: null,
    lost: false,
    frozen: false,
    damaged: false,
    locked: false,
    lostAt: null,
    frozenCause: null,
    validFrom: null,
    validUntil: null,
    replacedBy: null,
    replaces: null,
    credentials: [{ scheme: 'UID', value: '5630F009' }],
    changedAt: null,
    dataQuality: [],
    ...change,
  };
}

export function outOfScopeCard(change: Partial<OutOfScopeCard> = {}): OutOfScopeCard {
  const { cardKey, source, cardId, version, state, stateReason, lost, frozen, damaged, locked } = card();
  const base = { cardKey, source, cardId, version, state, stateReason, lost, frozen, damaged, locked };
  const { validFrom, validUntil, credentials, changedAt, dataQuality } = card();
  return {
    ...base,
    ...{ validFrom, validUntil, credentials, changedAt, dataQuality },
    kind: 'TEMPORARY',
    ...change,
  };
}

export function person(change: Partial<PersonSource> = {}): PersonSource {
  return {
    personKey: 'core:20260001',
    source: 'core',
    sourceId: '20260001',
    version: 1,
    schoolNumber: '20260001',
    name: '张小三',
    sex: null,
    personClass: 'STUDENT',
    unitCode: null,
    unitName: null,
    idDocumentType: null,
    idDocumentPseudonym: null,
    groups: ['class:STUDENT', 'unit:0101'],
    validFrom: null,
    validUntil: null,
    state: 'ACTIVE',
    stateReason: null,
    dataQuality: [],
    ...change,
  };
}

export function door(change: Partial<Door> = {}): Door {
  return {
    doorKey: 'gate:d1',
    source: 'gate',
    doorId: 'd1',
    version: 1,
    name: 'Main gate',
    doorClass: 'PERIMETER',
    building: 'B1',
    campus: null,
    groups: ['gate:gates'],
    readerProfile: 'uid-hex',
    auditRequired: false,
    state: 'ACTIVE',
    stateReason: null,
    dataQuality: [],
    ...change,
  };
}

export function grant(change: Partial<AccessGrant> = {}): AccessGrant {
  return {
    grantKey: 'gate:g1',
    source: 'gate',
    grantId: 'g1',
    version: 1,
    subjectType: 'GROUP',
    subject: 'class:STUDENT',
    resourceType: 'DOOR',
    resource: 'gate:d1',
    direction: 'BOTH',
    validFrom: null,
    validUntil: null,
    schedule: [],
    state: 'ACTIVE',
    stateReason: null,
    dataQuality: [],
    ...change,
  };
}

export function doorEvent(change: Partial<DoorEvent> = {}): DoorEvent {
  return {
    eventId: 'gate:swipes:1',
    source: 'gate',
    doorKey: 'gate:d1',
    cardKey: 'core:1',
    credentialPseudonym: null,
    direction: 'ENTER',
    granted: true,
    upstreamReason: null,
    reason: null,
    occurredAt: NOW - 60_000,
    businessDate: 20_780,
    collectedAt: null,
    deviceIndex: null,
    dataQuality: [],
    ...change,
  };
}

export function position(change: Partial<Position> = {}): Position {
  const lines = {
    read: 0,
    published: 0,
    unchanged: 0,
    filtered: {},
    quarantined: {},
    marked: {},
    records: {},
  };
  return {
    sourcePartition: 'qau/core/cards/0',
    sequence: 1,
    mode: 'CHANGES',
    snapshotNumber: 1,
    cursor: '{}',
    feedCursor: null,
    asOf: NOW - 1_000,
    snapshotCompletedAt: null,
    absent: [],
    absentCount: 0,
    held: null,
    written: [],
    books: { batch: lines, total: lines },
    digests: {},
    hubRulesVersion: 1,
    ...change,
  };
}

/** A view in which `core:1` of person `core:20260001` may pass door `gate:d1`, with data one second old. */
export function fixtureView(change: Partial<HubViewOptions> = {}): HubView {
  const view = createHubView({
    tenant: 'qau',
    profiles: readerProfiles().profiles,
    now: () => NOW,
    ...change,
  });
  view.apply('master.door', 'gate:d1', door());
  view.apply('master.access-grant', 'gate:g1', grant());
  view.apply('hub.person-source', 'core:20260001', person());
  view.apply('master.card', 'core:1', card());
  view.apply('hub.positions', 'qau/core/cards/0', position());
  view.apply('hub.positions', 'qau/gate/grants/0', position({ sourcePartition: 'qau/gate/grants/0' }));
  view.freshness.start();
  return view;
}

/** As much of a log as following needs; values are JSON. `append` gives the offset. */
export class MemoryLog implements Pick<Log, 'read' | 'bounds'> {
  private readonly topics = new Map<string, StoredRecord[]>();
  private wake: (() => void)[] = [];
  /** Reads fail this many times. */
  failures = 0;
  /** Followers of these topics see nothing new until the topic is taken out. */
  readonly paused = new Set<string>();

  append(topic: string, key: string, value: unknown, timestamp = NOW): number {
    const records = this.of(topic);
    const bytes =
      value === null ? null : Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
    const record: LogRecord = { topic, key, value: bytes, headers: {} };
    records.push({ ...record, partition: 0, offset: records.length, timestamp });
    this.news();
    return records.length - 1;
  }

  news(): void {
    for (const wake of this.wake.splice(0)) wake();
  }

  async bounds(topic: string): Promise<readonly PartitionBounds[]> {
    return [{ partition: 0, start: 0, end: this.of(topic).length }];
  }

  async *read({ topic, from, until, signal }: ReadOptions): AsyncGenerator<ReadBatch> {
    if (this.failures > 0) {
      this.failures--;
      throw new Error('broker gone');
    }
    let next = from?.get(0) ?? 0;
    let first = true;
    while (signal?.aborted !== true) {
      const records = this.paused.has(topic) ? [] : this.of(topic).slice(next);
      next += records.length;
      if (records.length > 0 || first) {
        yield { topic, partition: 0, records, next, end: this.of(topic).length };
      } else if (until === 'end') return;
      else {
        await new Promise<void>((resolve) => {
          this.wake.push(resolve);
          signal?.addEventListener('abort', () => resolve(), { once: true });
        });
      }
      first = false;
    }
  }

  private of(topic: string): StoredRecord[] {
    let records = this.topics.get(topic);
    if (records === undefined) this.topics.set(topic, (records = []));
    return records;
  }
}
