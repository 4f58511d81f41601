import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { AuditRecord } from '../../contracts/types.js';
import { openCodecs, recordCodec } from '../run/codec.js';
import { openSigner, publicKey, type AuditSigner } from './chain.js';
import { verifyTrail, type AuditValue } from './verify.js';
import { AuditWriter } from './writer.js';

const NOW = Date.UTC(2026, 10, 23);
const codec = recordCodec(openCodecs(), '/qau/hub', () => NOW);
const encode = (record: AuditRecord) => codec.encode('hub.audit', record);
const decode = (value: Uint8Array) => codec.decode('hub.audit', value) as AuditRecord;

function folder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'cardhub-audit-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  return dir;
}

interface Made {
  readonly writer: AuditWriter;
  readonly values: AuditValue[];
  readonly checkpoints: string[];
}

function writer(signer: AuditSigner, start = 's1', bufferMax = 100, fails = { next: 0 }): Made {
  const values: AuditValue[] = [];
  const checkpoints: string[] = [];
  const made = new AuditWriter({
    ...{ signer, encode, writer: 'r1', start, bufferMax, now: () => NOW },
    commit: (text) => `hmac-sha256:${text.length}`,
    sink: {
      append: async (records) => {
        if (fails.next-- > 0) throw new Error('no');
        values.push(...records);
      },
    },
    onCheckpoint: (jws) => checkpoints.push(jws),
  });
  onTestFinished(() => made.close());
  return { writer: made, values, checkpoints };
}

const call = {
  client: 'desk',
  tenant: null,
  scope: 'identity',
  action: '/v1/identity/check',
  status: 200,
} as const;

async function trail(): Promise<{ dir: string; values: AuditValue[]; kept: string }> {
  const dir = folder();
  const { writer: one, values, checkpoints } = writer(await openSigner(dir));
  for (let i = 0; i < 5; i++) one.call({ ...call, note: { purpose: 'identity', about: `person:core:${i}` } });
  await one.checkpoint();
  one.command('operate', 'alert', 'root', 'OK');
  await one.close();
  return { dir, values, kept: checkpoints.at(-1)! };
}

const verify = (
  dir: string,
  values: readonly AuditValue[],
  kept: readonly string[] = [],
  shortened = false,
) =>
  verifyTrail({
    read: async function* () {
      yield* values;
    },
    ...{ decode, shortened, kept, key: publicKey(dir) },
  });

const codes = async (dir: string, values: readonly AuditValue[], kept: readonly string[] = []) => [
  ...new Set((await verify(dir, values, kept)).findings.map(({ code }) => code)),
];

describe('a trail', () => {
  it('is whole as it was written, each record once or sent twice', async () => {
    const { dir, values, kept } = await trail();
    expect(values.map(({ value }) => decode(value).kind)).toEqual([
      ...['START', 'REQUEST', 'REQUEST', 'REQUEST', 'REQUEST', 'REQUEST', 'CHECKPOINT'],
      ...['COMMAND', 'END', 'CHECKPOINT'],
    ]);
    expect(await verify(dir, values, [kept])).toMatchObject({
      records: 10,
      chains: 1,
      open: [],
      findings: [],
    });
    expect(
      await codes(
        dir,
        values.flatMap((one) => [one, one]),
      ),
    ).toEqual([]);
  });

  it('holds commitments to whom it was about, and not who that is', async () => {
    const { values } = await trail();
    const record = decode(values[1]!.value);
    expect(record).toMatchObject({ client: 'desk', right: 'identity', purpose: 'identity', outcome: 'OK' });
    expect(record.about).toMatch(/^hmac-sha256:/);
    expect(Buffer.concat(values.map(({ value }) => value)).includes('person:core')).toBe(false);
  });

  it('shows a record that was changed, removed, put elsewhere, or put in', async () => {
    const { dir, values } = await trail();
    const place = fc.integer({ min: 0, max: values.length - 1 });
    await fc.assert(
      fc.asyncProperty(place, async (at) => {
        const changed = values.map((one, i) =>
          i === at ? { ...one, value: encode({ ...decode(one.value), outcome: 'FORBIDDEN' }) } : one,
        );
        // The last one is a checkpoint with nothing after it: its outcome is not among what it signs.
        if (at < values.length - 1) expect(await codes(dir, changed)).toContain('CHANGED');
        const removed = values.filter((_, i) => i !== at);
        if (at < values.length - 1) expect(await codes(dir, removed)).toContain('REMOVED');
        if (at < values.length - 1) {
          const swapped = [...values.slice(0, at), values[at + 1]!, values[at]!, ...values.slice(at + 2)];
          expect(await codes(dir, swapped)).toContain('REORDERED');
        }
        const inserted = [
          ...values.slice(0, at),
          { ...values[at]!, value: encode({ ...decode(values[at]!.value), client: 'x' }) },
          ...values.slice(at),
        ];
        expect(await codes(dir, inserted)).not.toEqual([]);
      }),
      { numRuns: 30 },
    );
  });

  it('shows an end that was cut, by a checkpoint that stands later or was kept elsewhere', async () => {
    const { dir, values, kept } = await trail();
    for (let end = 0; end < values.length - 1; end++) {
      expect(await codes(dir, values.slice(0, end), [kept])).toContain('CUT');
    }
    const other = writer(await openSigner(dir), 's2');
    await other.writer.close();
    expect(await codes(dir, [...other.values, ...values])).toEqual([]);
  });

  it('rewritten whole by somebody without the key does not pass', async () => {
    const { dir, values, kept } = await trail();
    const forger = writer(await openSigner(folder()));
    await forger.writer.checkpoint();
    await forger.writer.close();
    expect(await codes(dir, forger.values)).toContain('FORGED');
    expect(await codes(dir, forger.values, [kept])).toContain('CUT');
    const moved = decode(values.at(-1)!.value).checkpoint;
    const replayed = forger.values.map((one) => {
      const record = decode(one.value);
      return record.kind === 'CHECKPOINT' ? { ...one, value: encode({ ...record, checkpoint: moved }) } : one;
    });
    expect(await codes(dir, replayed)).toContain('FORGED');
  });

  it('may begin later where the retention has cut, and nowhere else', async () => {
    const { dir, values } = await trail();
    const later = values.slice(3);
    expect((await verify(dir, later, [], true)).findings).toEqual([]);
    expect((await verify(dir, later)).findings).toMatchObject([{ code: 'REMOVED' }]);
  });
});

describe('the writer', () => {
  it('sends the same bytes again after a failure', async () => {
    const dir = folder();
    const { writer: one, values } = writer(await openSigner(dir), 's1', 100, { next: 2 });
    one.call({ ...call, note: {} });
    for (let i = 0; i < 3; i++) await one.flush();
    expect(one.failedAppends).toBe(2);
    expect(values).toHaveLength(2);
    await one.close();
    expect(await codes(dir, values)).toEqual([]);
  });

  it('says that it is full, and then how many it lost; the chain goes on', async () => {
    const dir = folder();
    const { writer: one, values } = writer(await openSigner(dir), 's1', 5);
    for (let i = 0; i < 10; i++) one.call({ ...call, note: {} });
    expect([one.full, one.droppedCount]).toEqual([true, 6]);
    await one.flush();
    await one.flush();
    expect(decode(values.at(-1)!.value)).toMatchObject({ kind: 'GAP', count: 6 });
    await one.close();
    expect(await codes(dir, values)).toEqual([]);
  });

  it('groups what was refused, so that a flood is a line', async () => {
    const { writer: one, values } = writer(await openSigner(folder()));
    const refused = { client: undefined, scope: 'search', action: '/access/v1/search/subject' } as const;
    for (let i = 0; i < 1_000; i++) one.refused({ ...refused, code: 'CREDENTIAL_INVALID' });
    for (let i = 0; i < 1_200; i++) one.token(`c${i}`, 'invalid_client');
    await one.close();
    const records = values
      .map(({ value }) => decode(value))
      .filter(({ kind }) => kind === 'REFUSED' || kind === 'TOKEN');
    expect(records.find(({ outcome }) => outcome === 'CREDENTIAL_INVALID')).toMatchObject({ count: 1_000 });
    expect(records.reduce((sum, { count }) => sum + count, 0) + one.droppedCount).toBe(2_200);
  });
});
