/**
 * The kill switch of clients. It is one record on `hub.client`, as an alert is one on `hub.alert`: so every hub that
 * follows the log has it within moments, a restart finds it there, and hub.yaml need not be touched in a hurry.
 *
 *   hub.client to its end ─▶ facade listens ─▶ followed for ever; a read that fails is begun again
 */
import type { ClientSwitch } from '../../contracts/types.js';
import type { Clients } from '../clients/registry.js';
import type { Log, StoredRecord } from '../log/log.js';
import type { RecordCodec } from '../sync/rows.js';
import { turns } from '../turns.js';
import type { Journal, JournalRecord } from './journal.js';
import { followTopic, recordsOf, soonTrue } from './topics.js';

const REASON_MAX = 500;
const ACCOUNT_MAX = 128;

export interface SwitchRequest {
  readonly client: string;
  readonly state: 'ENABLED' | 'DISABLED';
  readonly reason?: string;
  /** Account of the operator. */
  readonly by: string;
}

export interface SwitchAnswer {
  readonly switch: ClientSwitch;
  readonly from: ClientSwitch['state'] | null;
  /** This hub acts by it already. */
  readonly inForce: boolean;
}

export class SwitchError extends Error {
  override readonly name = 'SwitchError';
  readonly code = 'SWITCH_INVALID';
  readonly retry = 'never';
}

export interface SwitchParts {
  readonly log: Pick<Log, 'read'>;
  readonly codec: RecordCodec;
  readonly tenant: string;
}

interface Kept {
  readonly of: ClientSwitch;
  readonly bytes: Uint8Array;
}

/** Newest switch of each client. */
export async function readSwitches(parts: SwitchParts): Promise<ReadonlyMap<string, Kept>> {
  const newest = new Map<string, Kept>();
  for await (const record of recordsOf(parts.log, 'hub.client')) {
    const found = switchOf(parts, record);
    if (found !== undefined && record.value !== null) {
      newest.set(found.client, { of: found, bytes: record.value });
    }
  }
  return newest;
}

function switchOf({ codec, tenant }: SwitchParts, { value }: StoredRecord): ClientSwitch | undefined {
  const found = value === null ? undefined : (codec.decode('hub.client', value) as ClientSwitch);
  return found?.tenant === tenant ? found : undefined;
}

/** Applies what stands on the log, then what comes, until the signal. Settles when the first part is done. */
export async function followSwitches(
  parts: SwitchParts,
  clients: Clients,
  signal: AbortSignal,
  onProblem: (error: unknown) => void,
): Promise<void> {
  const apply = (found: ClientSwitch): void => {
    if (found.state !== 'UNKNOWN') clients.switch(found.client, found.state === 'DISABLED', found.version);
  };
  for (const { of } of (await readSwitches(parts)).values()) apply(of);
  const follow = (record: StoredRecord): void => {
    const found = switchOf(parts, record);
    if (found !== undefined) apply(found);
  };
  void followTopic(parts.log, 'hub.client', follow, { signal, onProblem });
}

/** @throws SwitchError */
export async function switchRecordOf(
  parts: SwitchParts,
  request: SwitchRequest,
  known: (client: string) => boolean,
  now: number,
): Promise<{ record: JournalRecord; value: ClientSwitch; from: ClientSwitch['state'] | null }> {
  const { client, state, reason, by } = request;
  const before = (await readSwitches(parts)).get(client);
  // One that hub.yaml no longer names can still be switched, so that it is off should it come back.
  if (typeof client !== 'string' || (!known(client) && before === undefined)) {
    throw new SwitchError(`expected a client of hub.yaml (\`cardhub clients list\`), came ${client}`);
  }
  if (state !== 'ENABLED' && state !== 'DISABLED') throw new SwitchError('expected ENABLED or DISABLED');
  if (typeof by !== 'string' || by === '' || by.length > ACCOUNT_MAX)
    throw new SwitchError('expected an account');
  if (reason !== undefined && (typeof reason !== 'string' || reason.length > REASON_MAX)) {
    throw new SwitchError(`expected a reason of at most ${REASON_MAX} characters`);
  }
  const key = `${parts.tenant}:${client}`;
  const version = (before?.of.version ?? 0) + 1;
  const value: ClientSwitch = {
    ...{ switchKey: key, tenant: parts.tenant, client, version, state, since: now, by },
    reason: reason ?? null,
  };
  const record: JournalRecord = {
    topic: 'hub.client',
    key,
    value: parts.codec.encode('hub.client', value),
    headers: parts.codec.headers('hub.client', key, `${key}@${version}`, now),
    replaces: before?.bytes ?? null,
  };
  return { record, value, from: before?.of.state ?? null };
}

/** What the running hub does on its local socket: one request after the other. */
export function switchHandler(
  parts: SwitchParts,
  journal: Journal,
  clients: Clients | undefined,
  now: () => number,
): (body: unknown) => Promise<SwitchAnswer> {
  const turn = turns();
  const set = async (body: unknown): Promise<SwitchAnswer> => {
    const request = body as SwitchRequest;
    const known = (id: string): boolean => clients?.get(id) !== undefined;
    const { record, value, from } = await switchRecordOf(parts, request, known, now());
    await journal.append([record]);
    const inForce = await soonTrue(() => (clients?.switchVersion(value.client) ?? 0) >= value.version);
    return { switch: value, from, inForce };
  };
  return (body) => turn(() => set(body));
}
