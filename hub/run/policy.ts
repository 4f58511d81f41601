import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import type { Policy as PolicyRecord } from '../../contracts/types.js';
import { DEFAULT_POLICY_DOCUMENT } from '../decide/default-policy.js';
import { compilePolicy, type PolicyDocument } from '../decide/policy.js';
import type { Log, LogRecord } from '../log/log.js';
import type { RecordCodec } from '../sync/rows.js';

/** The policy that the configuration names, or the one that comes with Cardhub. Throws PolicyError. */
export function configuredPolicy(path: string | undefined): PolicyDocument {
  if (path === undefined) return DEFAULT_POLICY_DOCUMENT;
  const document = parse(readFileSync(path, 'utf8')) as unknown;
  compilePolicy(document);
  return document as PolicyDocument;
}

/** Note of a policy that came from hub.yaml; older stores have none on it. */
const FROM_FILE = 'hub.yaml';

/** Every policy of the tenant that was ever in force, oldest first. */
export async function policyHistory(
  log: Pick<Log, 'read'>,
  codec: Pick<RecordCodec, 'decode'>,
  tenant: string,
): Promise<PolicyRecord[]> {
  const history: PolicyRecord[] = [];
  for await (const batch of log.read({ topic: 'hub.policy', until: 'end' })) {
    for (const { value } of batch.records) {
      const policy = value === null ? null : (codec.decode('hub.policy', value) as PolicyRecord);
      if (policy?.tenant === tenant) history.push(policy);
    }
  }
  return history;
}

/**
 * The record that puts the policy of hub.yaml in force; null when it is, or when the file is the one that was
 * read last and an operator has switched to another since: a restart undoes no switch.
 */
export async function policyRecord(
  log: Log,
  codec: RecordCodec,
  tenant: string,
  document: PolicyDocument,
  now: number,
): Promise<LogRecord | null> {
  const history = await policyHistory(log, codec, tenant);
  const digest = digestOf(JSON.stringify(document));
  const fromFile = history.findLast(({ note }) => note === null || note === FROM_FILE);
  if (history.at(-1)?.digest === digest || fromFile?.digest === digest) return null;
  return recordOf(codec, tenant, document, now, FROM_FILE);
}

export class PolicySwitchError extends Error {
  override readonly name = 'PolicySwitchError';
  readonly retry = 'never';
  constructor(
    readonly code: 'POLICY_VERSION_TAKEN' | 'POLICY_NO_EARLIER' | 'POLICY_UNKNOWN_VERSION',
    message: string,
  ) {
    super(message);
  }
}

/** What an operator asks for: another document, or one that was in force before. */
export interface PolicySwitch {
  readonly tenant: string;
  /** Absent: roll back. */
  readonly document?: PolicyDocument;
  /** Of a rollback: to that version; default the one before the current. */
  readonly to?: string;
  readonly note?: string;
}

export interface PreparedSwitch {
  /** Null: this very document is in force, so there is nothing to write. */
  readonly record: LogRecord | null;
  readonly version: string;
  readonly from: string | null;
}

/**
 * The record of a switch. One record, so every follower changes over at once, between two decisions.
 * @throws PolicyError, PolicySwitchError
 */
export async function switchRecord(
  log: Pick<Log, 'read'>,
  codec: RecordCodec,
  { tenant, document, to, note }: PolicySwitch,
  now: number,
): Promise<PreparedSwitch> {
  const history = await policyHistory(log, codec, tenant);
  const current = history.at(-1);
  const chosen = document ?? earlier(history, to);
  const { version } = compilePolicy(chosen);
  const digest = digestOf(JSON.stringify(chosen));
  // Old decisions name the version: it must mean one document for ever.
  if (history.some((one) => one.policyVersion === version && one.digest !== digest)) {
    throw new PolicySwitchError(
      'POLICY_VERSION_TAKEN',
      `version ${version} was another document before: give the changed policy a version of its own`,
    );
  }
  const from = current?.policyVersion ?? null;
  if (current?.digest === digest) return { record: null, version, from };
  const why = note ?? (document === undefined ? `rolled back from ${from ?? 'nothing'}` : 'switched');
  return { record: recordOf(codec, tenant, chosen, now, why), version, from };
}

function earlier(history: readonly PolicyRecord[], to: string | undefined): PolicyDocument {
  const current = history.at(-1);
  const found = history.findLast((one) =>
    to === undefined ? one.digest !== current?.digest : one.policyVersion === to,
  );
  if (found !== undefined) return JSON.parse(found.document) as PolicyDocument;
  throw to === undefined
    ? new PolicySwitchError('POLICY_NO_EARLIER', 'expected an earlier policy to go back to; there is none')
    : new PolicySwitchError('POLICY_UNKNOWN_VERSION', `no policy of version ${to} was ever in force`);
}

function digestOf(text: string): string {
  return `sha256:${createHash('sha256').update(text).digest('hex')}`;
}

function recordOf(
  codec: RecordCodec,
  tenant: string,
  document: PolicyDocument,
  now: number,
  note: string,
): LogRecord {
  const text = JSON.stringify(document);
  const digest = digestOf(text);
  const value: PolicyRecord = {
    policyVersion: compilePolicy(document).version,
    tenant,
    document: text,
    digest,
    issuedAt: now,
    note,
  };
  return {
    topic: 'hub.policy',
    key: tenant,
    value: codec.encode('hub.policy', value),
    headers: codec.headers('hub.policy', tenant, `${tenant}:policy:${digest}:${now}`, now),
  };
}
