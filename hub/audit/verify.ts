/**
 * Reads the whole trail and says what does not fit. Two passes: which heads the checkpoints promise, then the chains.
 *
 *   CHANGED    the value before a record is not the one that its `previous` names
 *   REMOVED    a place in a chain is empty
 *   REORDERED  a record stands before one that it follows
 *   CUT        a checkpoint names a head that is not there
 *   FORGED     a checkpoint that the key did not sign, or that stands elsewhere than it says
 *   UNREADABLE a value that is no audit record
 *
 * A record that stands there twice in the same bytes is no finding: an append whose answer was lost is sent again.
 * What is older than the topic's retention is gone rightly: a chain may begin later where the topic does.
 */
import type { AuditRecord } from '../../contracts/types.js';
import { hashOf, readCheckpoint, type ChainId, type Checkpoint } from './chain.js';
import type { JWK } from 'jose';

export type FindingCode = 'CHANGED' | 'REMOVED' | 'REORDERED' | 'CUT' | 'FORGED' | 'UNREADABLE';

export interface Finding {
  readonly code: FindingCode;
  readonly chain: ChainId;
  readonly sequence: number;
  readonly detail: string;
}

export interface Verified {
  readonly records: number;
  readonly chains: number;
  readonly checkpoints: number;
  /** Ended without an END: running still, or killed. What was added in the last moments may be missing. */
  readonly open: readonly ChainId[];
  readonly findings: readonly Finding[];
  readonly more: number;
}

export interface AuditValue {
  readonly key: string;
  readonly value: Uint8Array;
}

export interface VerifyParts {
  /** Every record of the topic in its order; asked twice. */
  readonly read: () => AsyncIterable<AuditValue>;
  readonly decode: (value: Uint8Array) => AuditRecord;
  /** Records were removed from the beginning of the topic by its retention. */
  readonly shortened: boolean;
  /** Undefined: nothing was ever signed. */
  readonly key: JWK | undefined;
  /** Checkpoints that were kept elsewhere. */
  readonly kept?: readonly string[];
}

const FINDINGS_MAX = 1_000;

interface Chain {
  next: number;
  hash: string;
  ended: boolean;
}

export async function verifyTrail(parts: VerifyParts): Promise<Verified> {
  const findings: Finding[] = [];
  let more = 0;
  const find = (code: FindingCode, chain: ChainId, sequence: number, detail: string): void => {
    if (findings.length < FINDINGS_MAX) findings.push({ code, chain, sequence, detail });
    else more += 1;
  };
  const promised = await promisedHeads(parts, find);
  const chains = new Map<ChainId, Chain>();
  let records = 0;
  for await (const { key, value } of parts.read()) {
    records += 1;
    const record = decoded(parts, value);
    if (record === undefined || key !== `${record.writer}/${record.start}`) {
      find('UNREADABLE', key, -1, 'expected an audit record under the key of its chain');
      continue;
    }
    const hash = hashOf(value);
    follow(chains, parts.shortened, key, record, hash, find);
    const wanted = promised.heads.get(key);
    if (wanted?.get(record.sequence) === hash) wanted.delete(record.sequence);
  }
  for (const [chain, wanted] of promised.heads) {
    for (const [sequence] of wanted) judgeHead(chain, sequence, chains.get(chain), parts.shortened, find);
  }
  const open = [...chains].filter(([, { ended }]) => !ended).map(([chain]) => chain);
  return { records, chains: chains.size, checkpoints: promised.count, open, findings, more };
}

type Find = (code: FindingCode, chain: ChainId, sequence: number, detail: string) => void;

function follow(
  chains: Map<ChainId, Chain>,
  shortened: boolean,
  key: ChainId,
  record: AuditRecord,
  hash: string,
  find: Find,
): void {
  const { sequence, previous, kind } = record;
  let chain = chains.get(key);
  if (chain === undefined) {
    // Where the retention has cut, the first one that is left has one before it.
    if (sequence !== 0 && !shortened) find('REMOVED', key, 0, `the chain begins with ${sequence}`);
    if (sequence === 0 && previous !== '') find('CHANGED', key, 0, 'the first record names one before it');
    chain = { next: sequence, hash: previous, ended: false };
    chains.set(key, chain);
  }
  if (sequence === chain.next - 1 && hash === chain.hash) return; // sent twice
  if (sequence < chain.next) {
    find('REORDERED', key, sequence, `it stands after ${chain.next - 1}`);
    return;
  }
  if (sequence > chain.next) {
    const last = sequence - 1;
    const which = last === chain.next ? `${last} is` : `${chain.next} to ${last} are`;
    find('REMOVED', key, chain.next, `${which} not there`);
  } else if (previous !== chain.hash) {
    find('CHANGED', key, sequence - 1, `it is not the one that ${sequence} follows`);
  }
  chain.next = sequence + 1;
  chain.hash = hash;
  chain.ended ||= kind === 'END';
}

function judgeHead(
  chain: ChainId,
  sequence: number,
  found: Chain | undefined,
  shortened: boolean,
  find: Find,
): void {
  if (found === undefined) {
    if (!shortened) find('CUT', chain, sequence, 'a checkpoint names this chain, and none of it is there');
  } else if (found.next <= sequence) {
    find('CUT', chain, sequence, `a checkpoint names it, and the chain ends with ${found.next - 1}`);
  } else if (!shortened) find('CHANGED', chain, sequence, 'a checkpoint names another one at this place');
}

async function promisedHeads(parts: VerifyParts, find: Find) {
  const heads = new Map<ChainId, Map<number, string>>();
  let count = 0;
  const promise = ({ heads: of }: Checkpoint): void => {
    count += 1;
    for (const { chain, sequence, hash } of of) {
      const wanted = heads.get(chain) ?? new Map<number, string>();
      const other = wanted.get(sequence);
      if (other !== undefined && other !== hash) {
        find('CHANGED', chain, sequence, 'two checkpoints name two different ones');
      }
      wanted.set(sequence, hash);
      heads.set(chain, wanted);
    }
  };
  for (const jws of parts.kept ?? []) {
    const checkpoint = parts.key && (await readCheckpoint(jws, parts.key));
    if (checkpoint === undefined)
      find('FORGED', '', -1, 'a checkpoint kept elsewhere is not signed by the key');
    else promise(checkpoint);
  }
  for await (const { key, value } of parts.read()) {
    const record = decoded(parts, value);
    if (record?.kind !== 'CHECKPOINT') continue;
    const checkpoint = parts.key && (await readCheckpoint(record.checkpoint ?? '', parts.key));
    if (checkpoint === undefined || !fits(checkpoint, record)) {
      find('FORGED', key, record.sequence, 'the key did not sign this checkpoint at this place');
    } else promise(checkpoint);
  }
  return { heads, count };
}

function fits(signed: Checkpoint, { writer, start, sequence, previous, at }: AuditRecord): boolean {
  return (
    signed.writer === writer &&
    signed.start === start &&
    signed.sequence === sequence &&
    signed.previous === previous &&
    signed.at === at
  );
}

function decoded({ decode }: VerifyParts, value: Uint8Array): AuditRecord | undefined {
  try {
    return decode(value);
  } catch {
    return undefined;
  }
}
