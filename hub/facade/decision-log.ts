/**
 * The decision log: what was decided, and on what facts, kept off the path of the answer.
 *
 *   add ──▶ the turn's ──turn ends──▶ pseudonymise, encode ──▶ buffer (bounded) ──every 100 ms──▶ sink.append (one at a time)
 *              │ full
 *              └─▶ count ──▶ a GAP record as soon as there is room; `full` is true: doors marked
 *                            `audit: required` answer 503 meanwhile, all others go on deciding
 *
 * The decisions of one turn of the event loop are recorded one after the other at its end: between answers, the code
 * for it would have left the processor's caches each time, and cost twice as much. What waits longer is bytes: a decision
 * with its facts is a dozen objects, which the collector would copy twice before they are written (docs/benchmarks.md).
 *
 * A kill may lose what was added in the last 100 ms. A failed append is tried again with the same records and
 * the same ids; what was decided is never decided anew.
 */
import type { Decision as DecisionRecord, DecisionFact } from '../../contracts/types.js';
import type { Decision, Subject } from '../decide/model.js';
import { factValues } from '../decide/recorded.js';
import { Outbox, type OutboxAlarm } from '../outbox.js';
import { createUuid7 } from './uuid7.js';

const BUFFER_MAX = 10_000;
const FLUSH_MS = 100;
const APPEND_MAX = 5_000;
/** Pseudonyms that are remembered: the same people pass all day, and an HMAC costs more than a decision's encoding. */
const PSEUDONYMS_MAX = 50_000;

/** Where decisions go: the log's writer, a test. */
export interface DecisionSink<T> {
  /** The form in which a record waits. */
  encode(record: DecisionRecord): T;
  /** Rejects when nothing was written. */
  append(records: readonly T[]): Promise<void>;
}

export interface DecisionEntry {
  id?: string;
  readonly decidedAt: number;
  readonly purpose: string;
  readonly action: string;
  readonly subject: Subject;
  readonly resource?: string;
  readonly decision: Decision;
  /** Undefined: the hub's own. */
  readonly tenant?: string | undefined;
  /** Undefined: nobody had to say who they are. */
  readonly client?: string | undefined;
}

export interface DecisionLogOptions<T> {
  readonly sink: DecisionSink<T>;
  /** Tells one facade from another. */
  readonly replica: string;
  /** Keyed pseudonym: of person keys (they hold school numbers) and of credentials that no card has. */
  readonly pseudonym: (text: string) => string;
  readonly now: () => number;
  readonly bufferMax?: number;
  readonly flushMs?: number;
  /** Told of each failed append and of each beginning gap. */
  readonly onAlarm?: (alarm: OutboxAlarm) => void;
}

export class DecisionLog<T = unknown> {
  private readonly outbox: Outbox<T>;
  private readonly uuid = createUuid7();
  private readonly pseudonyms = new Map<string, string>();
  /** Given in this turn of the event loop. */
  private turn: DecisionEntry[] = [];
  private readonly max: number;

  constructor(private readonly options: DecisionLogOptions<T>) {
    const { sink, bufferMax = BUFFER_MAX, flushMs = FLUSH_MS, onAlarm } = options;
    this.max = bufferMax;
    this.outbox = new Outbox<T>({
      append: (records) => sink.append(records),
      gap: (since, count) => sink.encode(this.gapRecord(since, count)),
      ...{ max: bufferMax, appendMax: APPEND_MAX, flushMs, onAlarm },
    });
  }

  get size(): number {
    return this.outbox.size + this.turn.length;
  }

  get full(): boolean {
    return this.size >= this.max;
  }

  /** Decisions that were given but not logged, since the start. */
  get droppedCount(): number {
    return this.outbox.lostCount;
  }

  get failedAppends(): number {
    return this.outbox.failedAppends;
  }

  /** Keeps the entry if there is room; never waits, never throws. */
  add(entry: DecisionEntry): void {
    if (this.full) {
      this.outbox.lost(entry.decidedAt, 1);
      return;
    }
    if (this.turn.length === 0) setImmediate(this.endTurn);
    this.turn.push(entry);
  }

  /** The id of an entry that is not added yet. */
  idOf(entry: DecisionEntry): string {
    return (entry.id ??= this.uuid(entry.decidedAt));
  }

  /** Writes what is there; settles when it is written or has failed once. Never rejects. */
  async flush(): Promise<void> {
    this.endTurn();
    return this.outbox.flush();
  }

  /** Stops the timer and writes the rest, for at most five seconds. */
  async close(): Promise<void> {
    this.endTurn();
    return this.outbox.close();
  }

  private readonly endTurn = (): void => {
    const entries = this.turn;
    if (entries.length === 0) return;
    this.turn = [];
    for (const entry of entries) {
      try {
        this.outbox.push(this.options.sink.encode(this.record(entry)));
      } catch (cause) {
        // A fault of ours; the answer is given, and one decision that is missing is told like any other.
        this.outbox.lost(entry.decidedAt, 1);
        this.options.onAlarm?.({ code: 'APPEND_FAILED', cause });
      }
    }
  };

  private record(entry: DecisionEntry): DecisionRecord {
    const { decision, subject } = entry;
    return {
      decisionId: this.idOf(entry),
      replica: this.options.replica,
      kind: 'DECISION',
      purpose: entry.purpose,
      action: entry.action.slice(0, 32),
      subjectType: subject.type,
      subjectRef: this.subjectRef(subject, decision),
      // A key that no door has is the caller's text, which may be anything.
      resourceKey: decision.facts.find(({ kind }) => kind === 'door')?.key ?? null,
      decision: decision.decision,
      reason: decision.reason,
      warning: decision.warning ?? null,
      policyVersion: decision.policyVersion,
      decidedAt: entry.decidedAt,
      dataAgeMs: decision.dataAgeMs ?? null,
      facts: this.facts(entry),
      gapCount: null,
      tenant: entry.tenant ?? null,
      client: entry.client ?? null,
    };
  }

  private facts({ decision, subject }: DecisionEntry): DecisionFact[] {
    const facts = decision.facts.map((fact): DecisionFact => ({
      kind: fact.kind,
      key: fact.kind === 'person' ? this.pseudonymOf(fact.key) : fact.key,
      version: fact.version,
      source: fact.source,
      ageMs: fact.ageMs ?? null,
      values: factValues(fact),
    }));
    if (subject.type === 'credential' && decision.cardKey === undefined) {
      // The number itself is not kept; what it was found to be is the fact.
      const found = decision.decision ? (decision.warning ?? null) : decision.reason;
      facts.push({ kind: 'credential', key: '', version: 0, source: '', ageMs: null, values: found });
    }
    return facts;
  }

  /** The card key where a card was found; else a pseudonym of whatever was sent. */
  private subjectRef(subject: Subject, decision: Decision): string {
    return decision.cardKey ?? this.options.pseudonym(`${subject.type}:${subject.id}`);
  }

  /** Of a person's key. Numbers that no card has are not remembered: there is no end of them. */
  private pseudonymOf(personKey: string): string {
    let pseudonym = this.pseudonyms.get(personKey);
    if (pseudonym === undefined) {
      if (this.pseudonyms.size >= PSEUDONYMS_MAX) this.pseudonyms.clear();
      this.pseudonyms.set(personKey, (pseudonym = this.options.pseudonym(personKey)));
    }
    return pseudonym;
  }

  private gapRecord(since: number, count: number): DecisionRecord {
    return {
      decisionId: this.uuid(since),
      replica: this.options.replica,
      kind: 'GAP',
      purpose: 'door',
      action: '',
      subjectType: '',
      subjectRef: null,
      resourceKey: null,
      decision: false,
      reason: '',
      warning: null,
      policyVersion: '',
      decidedAt: since,
      dataAgeMs: null,
      facts: [],
      gapCount: count,
      tenant: null,
      client: null,
    };
  }
}
