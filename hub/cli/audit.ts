import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import type { JWK } from 'jose';
import type { AuditRecord } from '../../contracts/types.js';
import type { AuditValue } from '../audit/verify.js';
import type { Config } from '../config/types.js';
import { CliError } from './errors.js';
import { EXIT, type ExitCode } from './exit-codes.js';
import { addCommand, addGroup, type Call, type Frame } from './frame.js';
import { withReader, type LogReader } from './open-reader.js';

const LIST_DEFAULT = 100;
const FILE_BYTES_MAX = 1_000_000;

/** `cardhub audit list|verify|key`. */
export function register(program: Command, frame: Frame): void {
  const group = addGroup(program, 'audit', {
    en: 'Who asked what, and is the trail whole.',
    zh: '审计记录及其完整性。',
  });
  addCommand<ListOptions>(group, frame, {
    name: 'list',
    summary: { en: 'The newest records of the audit trail.', zh: '列出最近的审计记录。' },
    examples: ['cardhub audit list', 'cardhub audit list --client library-desk --about person:core:20260001'],
    more: 'The trail holds commitments: --about finds records about somebody whom you name. 记录只含承诺值，--about 按已知对象查找。',
    options: (command) =>
      command
        .option('--client <id>', 'of this client 客户端')
        .option('--about <type:id>', 'about this person, card, door … 对象')
        .option('--limit <n>', 'records shown', String(LIST_DEFAULT)),
    run: list,
  });
  addCommand<VerifyOptions>(group, frame, {
    name: 'verify',
    summary: {
      en: 'Find records that were changed, removed, reordered or cut off.',
      zh: '检查审计记录是否被修改、删除、调序或截断。',
    },
    examples: [
      'cardhub audit verify',
      'cardhub audit verify --key audit-key.json --checkpoint kept/2026-11-23.jws',
    ],
    more:
      'Keep a checkpoint (the file audit-checkpoint.jws in the data folder, or GET /v1/audit/checkpoint) and the key elsewhere: ' +
      'against both nobody can rewrite the trail. 请将检查点与公钥另存他处。',
    options: (command) =>
      command
        .option('--key <file>', 'public key (JWK) that was kept elsewhere 另存的公钥')
        .option('--checkpoint <file...>', 'checkpoints that were kept elsewhere 另存的检查点'),
    run: verify,
  });
  addCommand(group, frame, {
    name: 'key',
    summary: { en: 'The public key of the checkpoints, to keep elsewhere.', zh: '输出检查点公钥。' },
    examples: ['cardhub audit key > audit-key.json'],
    run: key,
  });
}

interface ListOptions {
  readonly client?: string;
  readonly about?: string;
  readonly limit: string;
}
interface VerifyOptions {
  readonly key?: string;
  readonly checkpoint?: readonly string[];
}

async function list({ out, config, options }: Call<ListOptions>): Promise<ExitCode> {
  const loaded = await config();
  const limit = Number(options.limit);
  if (!Number.isInteger(limit) || limit < 1 || limit > 100_000) {
    throw new CliError('USAGE', 'expected --limit from 1 to 100000');
  }
  const { openKeys } = await import('../run/keys.js');
  const about = options.about && openKeys(loaded, Date.now).pseudonym(options.about);
  const found: AuditRecord[] = [];
  await withReader(loaded, async (reader) => {
    for await (const { value } of valuesOf(reader)) {
      const record = reader.codec.decode('hub.audit', value) as AuditRecord;
      if (options.client !== undefined && record.client !== options.client) continue;
      if (about !== undefined && record.about !== about) continue;
      found.push(record);
      if (found.length > limit) found.shift();
    }
  });
  const records = found.map(({ checkpoint: _signed, ...record }) => record);
  out.document({ records });
  out.table(
    ['time 时间', 'kind 类型', 'client 客户端', 'action 操作', 'purpose 用途', 'outcome 结果', 'count 次数'],
    records.map(({ at, kind, client, action, purpose, outcome, count }) => [
      new Date(at).toISOString(),
      kind,
      client ?? '-',
      action,
      purpose ?? '-',
      outcome,
      String(count),
    ]),
  );
  return EXIT.ok;
}

async function* valuesOf({ log }: LogReader): AsyncGenerator<AuditValue> {
  const { recordsOf } = await import('../run/topics.js');
  for await (const { key, value } of recordsOf(log, 'hub.audit')) if (value !== null) yield { key, value };
}

async function verify({ out, config, options }: Call<VerifyOptions>): Promise<ExitCode> {
  const loaded = await config();
  const [{ publicKey }, { verifyTrail }, { CHECKPOINT_FILE }] = await Promise.all([
    import('../audit/chain.js'),
    import('../audit/verify.js'),
    import('../run/audit.js'),
  ]);
  const kept = (options.checkpoint ?? []).map(readText);
  const beside = besideLog(loaded, CHECKPOINT_FILE);
  const signed =
    options.key === undefined ? publicKey(loaded.keys.dir) : (JSON.parse(readText(options.key)) as JWK);
  const found = await withReader(loaded, async (reader) => {
    const bounds = await reader.log.bounds('hub.audit');
    return verifyTrail({
      read: () => valuesOf(reader),
      decode: (value) => reader.codec.decode('hub.audit', value) as AuditRecord,
      shortened: bounds.some(({ start }) => start > 0),
      key: signed,
      kept: beside === undefined ? kept : [...kept, beside],
    });
  });
  out.document(found);
  const { records, chains, checkpoints, open, findings, more } = found;
  out.line(`${records} records 记录, ${chains} chains 链, ${checkpoints} checkpoints 检查点`);
  if (open.length > 0) {
    out.line(`${open.length} not ended (running, or killed: the last moments may be missing) 未正常结束`);
  }
  out.table(
    ['finding 问题', 'chain 链', 'place 序号', 'detail 说明'],
    findings.map(({ code, chain, sequence, detail }) => [code, chain, String(sequence), detail]),
  );
  if (more > 0) out.line(`and ${more} more 另有 ${more} 条`);
  if (findings.length === 0) out.line('nothing was changed, removed, reordered or cut 完整');
  return findings.length === 0 ? EXIT.ok : EXIT.no;
}

function besideLog({ dataDir }: Config, name: string): string | undefined {
  try {
    return readFileSync(join(dataDir, name), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function readText(path: string): string {
  try {
    const text = readFileSync(path, 'utf8');
    if (text.length <= FILE_BYTES_MAX) return text;
  } catch (error) {
    throw new CliError(
      'INPUT',
      `expected a readable file at ${path}; ${(error as NodeJS.ErrnoException).code}`,
    );
  }
  throw new CliError('INPUT', `${path} is too large`);
}

async function key({ out, config }: Call<object>): Promise<ExitCode> {
  const { publicKey } = await import('../audit/chain.js');
  const found = publicKey((await config()).keys.dir);
  if (found === undefined)
    throw new CliError('INPUT', 'no checkpoint was signed here yet: start the hub once');
  out.document(found);
  if (!out.json) out.line(JSON.stringify(found));
  return EXIT.ok;
}
