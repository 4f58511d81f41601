import type { Command } from 'commander';
import type { SinkConfig } from '../config/types.js';
import type { SinkNote, TopicReport } from '../sink/sink.js';
import { CliError } from './errors.js';
import { EXIT, type ExitCode } from './exit-codes.js';
import { addCommand, type Call, type Frame } from './frame.js';
import { withReader } from './open-reader.js';
import type { Output } from './output.js';

interface Options {
  readonly once?: boolean;
  readonly rebuild?: boolean;
}

/** `cardhub sink`: the shared topics into tables of a database. */
export function register(program: Command, frame: Frame): void {
  addCommand<Options>(program, frame, {
    name: 'sink [name]',
    summary: {
      en: 'Write the shared topics into tables of PostgreSQL or MySQL.',
      zh: '将共享主题写入 PostgreSQL 或 MySQL 数据表。',
    },
    examples: ['cardhub sink', 'cardhub sink platform --once --json'],
    more:
      'Rows and position are written in one transaction: end it at any time and start it again. Without --once it\n' +
      'goes on with what is appended, until Ctrl-C. [name] is one of `sinks` in hub.yaml; the only one by default.\n' +
      '记录与位置在同一事务中写入，可随时停止并重新启动；不加 --once 则持续同步，直至 Ctrl-C。',
    options: (command) =>
      command
        .option('--once', 'write what is there now, then end 写完现有数据后退出')
        .option('--rebuild', 'read all topics again and delete rows that they no longer have 重新装载'),
    run: sink,
  });
}

async function sink({ frame, out, options, args, config }: Call<Options>): Promise<ExitCode> {
  const loaded = await config();
  const chosen = choose(loaded.sinks, args[0]);
  const [{ sinkTables }, { openStore }, { runSink }] = await Promise.all([
    import('../sink/contracts.js'),
    import('../sink/open.js'),
    import('../sink/sink.js'),
  ]);
  const tables = sinkTables(chosen);
  const store = await openStore(chosen);
  const progress = out.progress('rows written 已写入');
  let written = 0;
  try {
    const reports = await withReader(loaded, ({ log, codec }) =>
      runSink(
        {
          log,
          store,
          decode: (topic, bytes) => codec.decode(topic, bytes),
          now: frame.now,
          random: frame.random,
          note: (note) => {
            if (note.kind === 'batch') progress.update((written += note.rows));
            else tell(out, note);
          },
        },
        {
          tables,
          until: options.once === true ? 'end' : 'follow',
          rebuild: options.rebuild === true,
          signal: frame.signal,
        },
      ),
    );
    progress.end();
    out.document({ sink: chosen.name, topics: reports });
    show(out, reports);
    if (options.once === true && frame.signal.aborted)
      throw new CliError('INTERRUPTED', 'interrupted', { exit: EXIT.interrupted });
    return EXIT.ok;
  } finally {
    progress.end();
    await store.close();
  }
}

function choose(sinks: readonly SinkConfig[], name: string | undefined): SinkConfig {
  const found =
    name === undefined && sinks.length === 1 ? sinks[0] : sinks.find((each) => each.name === name);
  if (found !== undefined) return found;
  const names = sinks.map((each) => each.name).join(', ');
  if (names === '') throw new CliError('USAGE', 'hub.yaml has no sinks; see docs/databases.md');
  throw new CliError('USAGE', `expected one of the sinks: ${names}; came ${name ?? 'none'}`);
}

function tell(out: Output, note: Exclude<SinkNote, { kind: 'batch' }>): void {
  switch (note.kind) {
    case 'created': {
      const left =
        note.table.left.length === 0
          ? ''
          : `; restricted, left out 受限字段未写入: ${note.table.left.join(', ')}`;
      out.note(`${note.table.topic}: table ${note.table.name} made 已建表${left}`);
      return;
    }
    case 'columns':
      if (note.added.length > 0)
        out.note(`${note.table.name}: columns added 新增列: ${note.added.join(', ')}`);
      if (note.emptied.length > 0) {
        out.note(
          `${note.table.name}: emptied, no longer in the agreement 协议不再包含，已清空: ${note.emptied.join(', ')}`,
        );
      }
      return;
    case 'load':
      out.note(`${note.topic}: ${LOADS[note.reason]}`);
      return;
    case 'swept':
      out.note(
        `${note.topic}: ${note.rows} rows deleted that the topic no longer has 主题中已不存在的行已删除`,
      );
      return;
    case 'gap':
      out.note(
        `${note.topic}/${note.partition}: about ${note.records} events ended before they were read 部分事件已过保留期`,
      );
      return;
    case 'trouble':
      out.note(`${note.topic}: ${note.error.message} (again in ${note.retryInMs} ms)`);
  }
}

const LOADS = {
  first: 'first load 首次装载',
  asked: 'loaded again, as asked 按要求重新装载',
  columns: 'loaded again for new columns 因新增列重新装载',
  'other-log': 'loaded again from another log 日志已更换，重新装载',
  'away-too-long': 'loaded again: away for longer than removals are kept 离线过久，重新装载',
};

function show(out: Output, reports: readonly TopicReport[]): void {
  out.table(
    ['topic 主题', 'table 表', 'records 记录', 'rows 写入行', 'deleted 删除行'],
    reports.map(({ topic, table, records, rows, deletes }) => [
      topic,
      table,
      String(records),
      String(rows),
      String(deletes),
    ]),
  );
}
