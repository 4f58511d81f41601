import { TOPICS, type Quarantine } from '../../contracts/types.js';
import type { Published } from './published.js';
import type { RecordCodec } from './rows.js';

const DAY_MS = 86_400_000;
/** Rows that one batch removes at most; the rest goes with the next one. */
const EXPIRE_ROWS_MAX = 5_000;

/** The longest that `hub.quarantine` may keep a row, from its data contract. */
const KEEP_MS = TOPICS.find(({ name }) => name === 'hub.quarantine')?.retentionMostMs ?? Infinity;

/** Refused rows whose retention has ended, whatever became of them. */
export function expiredRows(published: Published, codec: RecordCodec, now: number): Quarantine[] {
  const expired: Quarantine[] = [];
  for (const [, bytes] of published.entries('hub.quarantine')) {
    const row = codec.decode('hub.quarantine', bytes) as Quarantine;
    if (sealedUntil(row) <= now) expired.push(row);
    if (expired.length === EXPIRE_ROWS_MAX) break;
  }
  return expired;
}

/** Counted from the day on which the hub refused the row: an old file may be refused today. */
function sealedUntil(row: Quarantine): number {
  const day = Date.parse(`${row.raw.keyId}T00:00:00+08:00`);
  return Number.isNaN(day) ? Infinity : day + DAY_MS + KEEP_MS;
}
