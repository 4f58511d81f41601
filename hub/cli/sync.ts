import type { Command } from 'commander';
import type { BookLines } from '../sync/books.js';
import type { OnceReport } from '../run/once.js';
import { CliError } from './errors.js';
import { EXIT, type ExitCode } from './exit-codes.js';
import { addCommand, type Call, type Frame } from './frame.js';

/** `cardhub sync --once`: pull everything once, publish, and print the books. */
export function register(program: Command, frame: Frame): void {
  addCommand<{ once?: boolean }>(program, frame, {
    name: 'sync',
    summary: { en: 'Pull every stream once, publish, print the books.', zh: '各数据流同步一次并打印账目。' },
    examples: ['cardhub sync --once', 'cardhub sync -c examples/campus-2019/hub.yaml --once --json'],
    more:
      'With --json: {"streams": [{source, stream, read, published, unchanged, filtered, quarantined, marked,\n' +
      'records, held}], "balanced"}; read = published + unchanged + filtered + quarantined, in source rows.\n' +
      'Exit code 1: the books do not balance. To go on for ever: cardhub run.',
    options: (command) => command.option('--once', 'one complete listing and a drained feed, then end'),
    run: sync,
  });
}

async function sync({ frame, out, options, config }: Call<{ once?: boolean }>): Promise<ExitCode> {
  if (options.once !== true) {
    throw new CliError('USAGE', 'expected --once; a hub that keeps going is `cardhub run`');
  }
  const [{ openHub }, { refuseBesideOwners, syncOnce }] = await Promise.all([
    import('../run/hub.js'),
    import('../run/once.js'),
  ]);
  const progress = out.progress('rows read 已读取');
  let read = 0;
  const hub = await openHub(await config(), {
    connectors: await frame.services.connectors(),
    now: frame.now,
    random: frame.random,
    once: true,
    onStream: (note) => {
      if (note.kind === 'batch') progress.update((read += note.books.read));
      if (note.kind === 'gap') out.note(`${note.id}: events were dropped upstream, unread: ${note.detail}`);
      if (note.kind === 'trouble')
        out.note(`${note.id}: ${note.error.message} (again in ${note.retryInMs} ms)`);
    },
  });
  const stop = new AbortController();
  try {
    await refuseBesideOwners(hub.log, hub.streams);
    hub.follow(stop.signal);
    const { waitingCommands } = await import('../run/waiting-commands.js');
    const report = await syncOnce({
      ...hub,
      commands: await waitingCommands(hub),
      owns: () => true,
      random: frame.random,
      signal: frame.signal,
    });
    progress.end();
    out.document(report);
    show(out, report);
    return report.balanced ? EXIT.ok : EXIT.no;
  } finally {
    progress.end();
    stop.abort();
    await hub.close();
  }
}

function show(out: Call<object>['out'], report: OnceReport): void {
  out.table(
    [
      'stream 数据流',
      'read 读取',
      'published 发布',
      'unchanged 未变',
      'filtered 过滤',
      'quarantined 隔离',
      'marks 标记',
    ],
    report.streams.map((stream) => [
      `${stream.source}/${stream.stream}`,
      String(stream.read),
      String(stream.published),
      String(stream.unchanged),
      counts(stream, 'filtered'),
      counts(stream, 'quarantined'),
      counts(stream, 'marked'),
    ]),
  );
  for (const { source, stream, held } of report.streams) {
    if (held === 0) continue;
    out.line(
      `${source}/${stream}: ${held} rows are missing upstream and held; see \`cardhub snapshot list\``,
    );
    out.line(`  上游缺少 ${held} 行，已暂缓处理；请查看 cardhub snapshot list`);
  }
  for (const { en, zh } of suspicions(report)) {
    out.line(en);
    out.line(`  ${zh}`);
  }
  out.line(report.balanced ? 'The books balance. 账目平衡。' : 'The books do NOT balance. 账目不平衡。');
}

function counts(lines: BookLines, field: 'filtered' | 'quarantined' | 'marked'): string {
  const entries = Object.entries(lines[field]);
  return entries.length === 0 ? '0' : entries.map(([name, count]) => `${name} ${count}`).join(', ');
}

/** Below this a share says nothing. */
const ROWS_MIN = 20;
const SHARE_MIN = 0.9;

/**
 * Books that balance and yet cannot be right: nearly every row refused, or marked in the same way. A wrong encoding, a
 * wrong column or a reader profile that does not fit look like this.
 */
export function suspicions(report: Pick<OnceReport, 'streams'>): { en: string; zh: string }[] {
  return report.streams.flatMap((stream) => {
    const name = `${stream.source}/${stream.stream}`;
    const found = (['quarantined', 'marked'] as const).flatMap((field) =>
      Object.entries(stream[field]).filter(
        ([, count]) => stream.read >= ROWS_MIN && count >= SHARE_MIN * stream.read,
      ),
    );
    return found.map(([code, count]) => ({
      en: `WARNING ${name}: ${count} of ${stream.read} rows have ${code}. Look at the encoding, the columns, the codes and the reader profile of this source.`,
      zh: `警告 ${name}：${stream.read} 行中有 ${count} 行为 ${code}，请检查该数据源的编码、列映射、代码表和读卡器配置。`,
    }));
  });
}
