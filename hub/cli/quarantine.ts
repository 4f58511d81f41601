import type { Command } from 'commander';
import type { Quarantine } from '../../contracts/types.js';
import { findPartition, giveCommand, toldOwner } from './ask-owner.js';
import { CliError } from './errors.js';
import { EXIT, type ExitCode } from './exit-codes.js';
import { addCommand, addGroup, type Call, type Frame } from './frame.js';
import { withReader } from './open-reader.js';

interface ListOptions {
  readonly all?: boolean;
}
interface ReplayOptions {
  readonly discard?: boolean;
}

/** `cardhub quarantine list|show|replay`. */
export function register(program: Command, frame: Frame): void {
  const group = addGroup(program, 'quarantine', { en: 'Rows that were refused.', zh: '被隔离的数据行。' });
  addCommand<ListOptions>(group, frame, {
    name: 'list',
    summary: { en: 'List refused rows with their reason.', zh: '列出被隔离的数据行及原因。' },
    examples: ['cardhub quarantine list', 'cardhub quarantine list --all --json'],
    options: (command) => command.option('--all', 'with those that were replayed or given up'),
    run: list,
  });
  addCommand(group, frame, {
    name: 'show <row>',
    summary: { en: 'Show one refused row, its bytes masked.', zh: '查看一行（内容已遮蔽）。' },
    examples: ["cardhub quarantine show 'core:cards:100123'"],
    run: show,
  });
  addCommand<ReplayOptions>(group, frame, {
    name: 'replay <stream> [row...]',
    summary: { en: 'Map refused rows again, all or those named.', zh: '重新处理被隔离的数据行。' },
    examples: [
      'cardhub quarantine replay core/cards',
      "cardhub quarantine replay core/cards 'core:cards:100123'",
    ],
    more: '--discard gives them up instead: they are no longer open, and nothing is published.',
    options: (command) => command.option('--discard', 'give the rows up instead'),
    run: replay,
  });
}

async function rows(call: Call<object>): Promise<Quarantine[]> {
  const found = new Map<string, Quarantine>();
  await withReader(await call.config(), async ({ log, codec }) => {
    for await (const batch of log.read({ topic: 'hub.quarantine', until: 'end' })) {
      for (const { key, value } of batch.records) {
        if (value === null) found.delete(key);
        else found.set(key, codec.decode('hub.quarantine', value) as Quarantine);
      }
    }
  });
  return [...found.values()];
}

async function list(call: Call<ListOptions>): Promise<ExitCode> {
  const shown = (await rows(call)).filter(({ state }) => call.options.all === true || state === 'OPEN');
  call.out.document({
    rows: shown.map(({ raw: _raw, rawDigest: _digest, ...row }) => row),
  });
  call.out.table(
    ['row 数据行', 'reason 原因', 'path 字段', 'detail 说明', 'state'],
    shown.map((row) => [row.rowKey, row.reason, row.path, row.detail, row.state]),
  );
  call.out.line(`${shown.length} rows 行`);
  return EXIT.ok;
}

async function show(call: Call<object>): Promise<ExitCode> {
  const row = (await rows(call)).find(({ rowKey }) => rowKey === call.args[0]);
  if (row === undefined)
    throw new CliError('USAGE', `no row ${call.args[0]} in quarantine; see quarantine list`);
  const [{ openKeys }, { openRaw }, { maskRaw }] = await Promise.all([
    import('../run/keys.js'),
    import('../operate/secrets.js'),
    import('../operate/mask.js'),
  ]);
  const { days } = openKeys(await call.config(), call.frame.now);
  const opened = openRaw(row.raw, { ceId: row.rowKey, keys: days });
  const masked = opened.ok ? maskRaw(opened.raw) : `(${opened.code})`;
  const { raw: _raw, rawDigest: _digest, ...facts } = row;
  call.out.document({ ...facts, masked });
  for (const [name, value] of Object.entries({ ...facts, masked }))
    call.out.line(`${name}: ${String(value)}`);
  return EXIT.ok;
}

async function replay(call: Call<ReplayOptions>): Promise<ExitCode> {
  const [stream = '', ...rowKeys] = call.args;
  const config = await call.config();
  const kind = call.options.discard === true ? 'QUARANTINE_DISCARD' : 'QUARANTINE_REPLAY';
  const outcome = await giveCommand(config, kind, await findPartition(config, stream), { rowKeys });
  call.out.document({ outcome });
  call.out.line(toldOwner(outcome));
  return EXIT.ok;
}
