import { stat } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import type { Command } from 'commander';
import type { DoorEvent } from '../../contracts/types.js';
import { formatDate } from '../../transforms/time.js';
import type { Config } from '../config/types.js';
import type { ShadowReport } from '../desk/shadow.js';
import { CliError } from './errors.js';
import { EXIT, type ExitCode } from './exit-codes.js';
import { addCommand, type Call, type Frame } from './frame.js';
import { accessSource, save } from './grants.js';
import { withReader } from './open-reader.js';
import { day, dayRange, eachDoorEvent, readView, type RecordedView } from './recorded.js';

interface Options {
  readonly from?: string;
  readonly until?: string;
  readonly evidenceFrom?: string;
  readonly grants?: string;
  readonly source?: string;
  readonly dataAge: string;
  readonly antiPassback: string;
  readonly rows?: string;
  readonly force?: boolean;
}

const EVIDENCE_DAYS = 30;
/** Kept in memory to be put in order of time; more are a mistake in the dates. */
const EVENTS_MAX = 5_000_000;

/** `cardhub shadow`: what would have changed, had the hub decided. */
export function register(program: Command, frame: Frame): void {
  addCommand<Options>(program, frame, {
    name: 'shadow',
    summary: {
      en: 'Replay recorded swipes through decide() and compare with what the access system did.',
      zh: '影子模式：用刷卡记录回放判定，与门禁实际结果对比。',
    },
    examples: [
      'cardhub shadow --from 2019-04-09 --until 2019-04-15 --grants grants.csv --rows differences.csv',
    ],
    more:
      'Each swipe is decided with now = the time of the swipe, from the cards and grants as they are known now.\n' +
      '--grants lays a file of `cardhub grants propose` over them without publishing it.\n' +
      'The evidence days are those before --from: whether a card was seen at the door explains the differences.\n' +
      'Nothing is written but --rows. Exit code 0: it ran, whatever the figures say. 只读运行，不影响任何门。',
    options: (command) =>
      command
        .option('--from <day>', 'first day, Asia/Shanghai 起始日（含）')
        .option('--until <day>', 'last day, inclusive 结束日（含）')
        .option(
          '--evidence-from <day>',
          `first evidence day (default: ${EVIDENCE_DAYS} days before --from) 取证起始日`,
        )
        .option('--grants <file>', 'proposed grants to lay over the published ones 叠加授权文件')
        .option('--source <name>', 'access-control instance of --grants, where there are several 门禁数据源')
        .option('--data-age <on|off>', 'judge the age of the data as it is today 是否判断数据时效', 'off')
        .option(
          '--anti-passback <on|off>',
          'judge repeated passages from the replayed events 是否判断反潜回',
          'off',
        )
        .option('--rows <file>', 'write every difference as CSV 输出差异明细')
        .option('--force', 'write over an existing file of rows 覆盖已有文件'),
    run: shadow,
  });
}

async function shadow(call: Call<Options>): Promise<ExitCode> {
  const { frame, out, options } = call;
  const range = dayRange(options.from, options.until);
  const evidenceFrom =
    options.evidenceFrom === undefined
      ? range.from - EVIDENCE_DAYS
      : day(options.evidenceFrom, '--evidence-from');
  const ignoreDataAge = !switched(options.dataAge, '--data-age');
  const ignoreAntiPassback = !switched(options.antiPassback, '--anti-passback');
  const config = await call.config();
  const [{ observeSwipes }, { replayShadow }, table] = await Promise.all([
    import('../desk/propose.js'),
    import('../desk/shadow.js'),
    import('./shadow-output.js'),
  ]);
  const evidence = observeSwipes({ from: evidenceFrom, until: range.from - 1 });
  const events: DoorEvent[] = [];
  const recorded = await withReader(config, async (reader) => {
    const progress = out.progress('swipes 刷卡记录');
    let read = 0;
    try {
      await eachDoorEvent(reader, frame.signal, (event) => {
        progress.update(++read);
        evidence.add(event);
        if (event.businessDate < range.from || event.businessDate > range.until) return;
        if (events.push(event) > EVENTS_MAX) {
          throw new CliError('USAGE', `more than ${EVENTS_MAX} swipes in these days; choose fewer days`);
        }
      });
    } finally {
      progress.end();
    }
    return readView(reader, config, frame.now, frame.signal);
  });
  const overlaid = options.grants === undefined ? 0 : await overlay(call, config, recorded, options.grants);
  const report: ShadowReport = replayShadow(events, {
    ...recorded,
    policy: recorded.view.policy(),
    evidence,
    ignoreDataAge,
    ignoreAntiPassback,
    passed: (event) => recorded.view.passages.apply(event, event.occurredAt),
  });
  if (options.rows !== undefined) {
    await save(frame, options.rows, table.rowsCsv(report), options.force === true);
  }
  const facts = {
    from: formatDate(range.from),
    until: formatDate(range.until),
    evidenceFrom: formatDate(evidenceFrom),
    evidenceSwipes: evidence.swipes,
    policyVersion: recorded.view.policy().version,
    grants: recorded.view.grants.size,
    overlaid,
    dataAge: !ignoreDataAge,
    antiPassback: !ignoreAntiPassback,
  };
  out.document(table.shadowDocument(facts, report));
  if (!out.json) table.showShadow(out, facts, report, options.rows);
  return EXIT.ok;
}

function switched(text: string, option: string): boolean {
  if (text === 'on' || text === 'off') return text === 'on';
  throw new CliError('USAGE', `${option}: expected on or off, got ${text}`);
}

/** Reads the file as the access-control file connector would, and applies its grants to the view alone. */
async function overlay(
  { frame, options }: Call<Options>,
  config: Config,
  { view }: RecordedView,
  file: string,
): Promise<number> {
  const { readProposedGrants } = await import('../desk/proposed-grants.js');
  const path = resolve(frame.cwd, file);
  const found = await stat(path).catch(() => undefined);
  if (found?.isFile() !== true) throw new CliError('INPUT', `no file ${file}`, { path: file });
  const { source, mapping } = accessSource(config, options.source);
  const read = await readProposedGrants({
    folder: dirname(path),
    name: basename(path),
    source,
    mapping,
    now: frame.now,
    random: frame.random,
    signal: frame.signal,
  });
  const [first] = read.refused;
  if (first !== undefined) {
    const count = read.refused.length;
    throw new CliError('INPUT', `${file}: ${count} rows cannot be read; the first: ${first}`, { path: file });
  }
  for (const grant of read.grants) view.apply('master.access-grant', grant.grantKey, grant);
  return read.grants.length;
}
