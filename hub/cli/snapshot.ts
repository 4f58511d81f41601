import type { Command } from 'commander';
import { SHANGHAI_OFFSET_MS } from '../../transforms/time.js';
import type { Config } from '../config/types.js';
import type { CommandKind } from '../desk/commands.js';
import { findPartition, giveCommand, toldOwner } from './ask-owner.js';
import { CliError } from './errors.js';
import { EXIT, type ExitCode } from './exit-codes.js';
import { addCommand, addGroup, type Call, type Frame } from './frame.js';
import { withReader } from './open-reader.js';

/** `cardhub snapshot list|accept|discard`, and `cardhub batch announce`. */
export function register(program: Command, frame: Frame): void {
  const group = addGroup(program, 'snapshot', {
    en: 'Rows that went missing upstream.',
    zh: '上游缺失的数据行。',
  });
  addCommand(group, frame, {
    name: 'list',
    summary: { en: 'Show absences that wait for a decision.', zh: '列出等待处理的缺失。' },
    examples: ['cardhub snapshot list', 'cardhub snapshot list --json'],
    run: list,
  });
  const decide = (name: string, kind: CommandKind, en: string, zh: string): void => {
    addCommand(group, frame, {
      name: `${name} <stream>`,
      summary: { en, zh },
      examples: [`cardhub snapshot ${name} core/cards`],
      run: (call) => decideHeld(call, kind),
    });
  };
  decide(
    'accept',
    'SNAPSHOT_ACCEPT',
    'Believe them: list again and close what is still absent.',
    '确认缺失并关闭。',
  );
  decide('discard', 'SNAPSHOT_DISCARD', 'Do not believe them: nothing is closed.', '忽略本次缺失。');
  const batch = addGroup(program, 'batch', { en: 'Announced mass changes.', zh: '预告的批量变更。' });
  addCommand<AnnounceOptions>(batch, frame, {
    name: 'announce <stream>',
    summary: {
      en: 'Announce that so many rows will go (graduation).',
      zh: '预告将有若干行消失（如毕业离校）。',
    },
    examples: ['cardhub batch announce core/cards --count 8000 --until 2027-07-05'],
    options: (command) =>
      command
        .requiredOption('--count <rows>', 'at most so many rows may go')
        .requiredOption('--until <date>', 'to the end of this day in Shanghai, YYYY-MM-DD'),
    run: announce,
  });
}

interface AnnounceOptions {
  readonly count: string;
  readonly until: string;
}

async function readHeld(config: Config) {
  const { readPositions } = await import('../desk/reconcile.js');
  const positions = await withReader(config, ({ log, codec }) => readPositions(log, codec));
  return [...positions.values()].flatMap(({ sourcePartition, held: one }) =>
    one === null ? [] : [{ sourcePartition, ...one }],
  );
}

/** Refused where nothing waits: "done" would let the operator believe that cards were closed. */
async function decideHeld(call: Call<object>, kind: CommandKind): Promise<ExitCode> {
  const config = await call.config();
  const partition = await findPartition(config, call.args[0] ?? '');
  const held = await readHeld(config);
  if (!held.some(({ sourcePartition }) => sourcePartition === partition)) {
    const others = held.map(({ sourcePartition }) => sourcePartition).join(', ');
    throw new CliError(
      'USAGE',
      `nothing is held of ${partition}; ${others === '' ? 'nor of any other stream' : `held: ${others}`}. See cardhub snapshot list`,
    );
  }
  return give(call, kind, {});
}

async function list({ out, config }: Call<object>): Promise<ExitCode> {
  const held = await readHeld(await config());
  out.document({ held });
  out.table(
    ['stream 数据流', 'missing 缺失', 'listing 快照', 'since 自'],
    held.map(({ sourcePartition, count, snapshotNumber, since }) => [
      sourcePartition,
      String(count),
      `#${snapshotNumber}`,
      new Date(since).toISOString(),
    ]),
  );
  if (held.length === 0) out.line('Nothing is held. 没有暂缓处理的缺失。');
  return EXIT.ok;
}

async function give(
  call: Call<object>,
  kind: CommandKind,
  args: Readonly<Record<string, unknown>>,
): Promise<ExitCode> {
  const config = await call.config();
  const partition = await findPartition(config, call.args[0] ?? '');
  const outcome = await giveCommand(config, kind, partition, args);
  call.out.document({ outcome });
  call.out.line(toldOwner(outcome));
  return EXIT.ok;
}

const DAY_MS = 86_400_000;

async function announce(call: Call<AnnounceOptions>): Promise<ExitCode> {
  const count = Number(call.options.count);
  if (!Number.isSafeInteger(count) || count < 1) {
    throw new CliError('USAGE', `--count: expected a whole number above 0, got ${call.options.count}`);
  }
  const start = Date.parse(`${call.options.until}T00:00:00Z`);
  if (!/^\d{4}-\d{2}-\d{2}$/.test(call.options.until) || Number.isNaN(start)) {
    throw new CliError('USAGE', `--until: expected a date as YYYY-MM-DD, got ${call.options.until}`);
  }
  const until = start - SHANGHAI_OFFSET_MS + DAY_MS;
  if (until <= call.frame.now()) {
    throw new CliError(
      'USAGE',
      `--until: expected today or a later day, got ${call.options.until}, which is past`,
    );
  }
  return give(call, 'BATCH_ANNOUNCE', { count, until });
}
