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

/** The record that puts this policy in force; null when the newest one of the tenant is the same already. */
export async function policyRecord(
  log: Log,
  codec: RecordCodec,
  tenant: string,
  document: PolicyDocument,
  now: number,
): Promise<LogRecord | null> {
  const text = JSON.stringify(document);
  const digest = `sha256:${createHash('sha256').update(text).digest('hex')}`;
  let newest: PolicyRecord | null = null;
  for await (const batch of log.read({ topic: 'hub.policy', until: 'end' })) {
    for (const { value } of batch.records) {
      if (value === null) continue;
      const policy = codec.decode('hub.policy', value) as PolicyRecord;
      if (policy.tenant === tenant) newest = policy;
    }
  }
  if (newest?.digest === digest) return null;
  const value: PolicyRecord = {
    policyVersion: compilePolicy(document).version,
    tenant,
    document: text,
    digest,
    issuedAt: now,
    note: null,
  };
  return {
    topic: 'hub.policy',
    key: tenant,
    value: codec.encode('hub.policy', value),
    headers: codec.headers('hub.policy', tenant, `${tenant}:policy:${digest}`, now),
  };
}
