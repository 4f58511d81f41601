import type { Command } from 'commander';
import type { ReconCase } from '../../contracts/types.js';
import type { Config } from '../config/types.js';
import type { BankReconDeps, DayReport } from '../desk/bank-recon.js';
import type { CaseWriter } from '../desk/case-writer.js';
import { giveCommand, toldOwner } from './ask-owner.js';
import { CliError } from './errors.js';
import { EXIT, type ExitCode } from './exit-codes.js';
import { addCommand, addGroup, type Call, type Frame } from './frame.js';
import { withReader } from './open-reader.js';
import { day } from './recorded.js';

interface MatchOptions {
  readonly day?: string;
  readonly bank?: string;
}
interface CasesOptions extends MatchOptions {
  readonly all?: boolean;
}
interface SettleOptions {
  readonly reason?: string;
}

/** A day with many records is read whole: longer than other questions to the hub. */
const MATCH_MS_MAX = 10 * 60_000;
const OUTCOMES: Readonly<Record<DayReport['outcome'], string>> = {
  MATCHED: 'matched 已对账',
  BOOK_BEHIND: 'not yet: a book was not read past the day 未到：对方账尚未读完',
  NO_FILE: 'no word of the file 尚无对账文件消息',
  FILE_BEING_READ: 'the file is being read 文件读取中',
};
const SIGNS = [
  'EQUAL',
  'DIFFERENT',
  'MISSING_LOCALLY',
  'NOT_BOOKED_LOCALLY',
  'MISSING_AT_BANK',
  'WAITING',
] as const;

/** `cardhub banks match|cases|settle`: the books of banks. */
export function register(program: Command, frame: Frame): void {
  const group = addGroup(program, 'banks', { en: 'Matching with banks.', zh: '银行对账。' });
  addCommand<MatchOptions>(group, frame, {
    name: 'match',
    summary: {
      en: 'Match the books of a day, and keep each difference as a case.',
      zh: '核对某日账目，差错逐笔立案。',
    },
    examples: [
      'cardhub banks match --day 2026-09-09',
      'cardhub banks match --day 2026-09-09 --bank sea --json',
    ],
    more:
      'The running hub does this by itself for the newest days (banks.*.days); this is for a day that is older, or now.\n' +
      'Again changes nothing. Exit code 1: a day could not be matched, or has open cases.',
    options: (command) =>
      command
        .requiredOption('--day <day>', 'business day 日期')
        .option('--bank <source>', 'only this bank 银行'),
    run: match,
  });
  addCommand<CasesOptions>(group, frame, {
    name: 'cases',
    summary: { en: 'List open differences, each with what to do.', zh: '列出未结差错及处理建议。' },
    examples: ['cardhub banks cases', 'cardhub banks cases --bank sea --day 2026-09-09 --all --json'],
    more: 'Exit code 1: a case is open.',
    options: (command) =>
      command
        .option('--day <day>', 'only this day 日期')
        .option('--bank <source>', 'only this bank 银行')
        .option('--all', 'with those that are closed or decided 含已结'),
    run: cases,
  });
  addCommand<SettleOptions>(group, frame, {
    name: 'settle <state> <case...>',
    summary: {
      en: 'Say what was done about differences: booked, ignored, held, exception; open takes it back.',
      zh: '登记差错处理结果：booked 已入账、ignored 忽略、held 挂起、exception 异常；open 撤销。',
    },
    examples: [
      'cardhub banks settle booked sea:20260909:L000017 --reason "credited by hand, voucher 4711"',
      'cardhub banks settle open sea:20260909:L000017 --reason "wrong case"',
    ],
    more:
      'Who decided, when and why stand on the case; matching again does not undo it. A held case is closed by books that\n' +
      'agree, the others stay as decided. The hub moves no money by this. hub 不动账；重新对账不会撤销处理结果。',
    options: (command) =>
      command.requiredOption('--reason <text>', 'why; no names of people 原因（勿填姓名）'),
    run: settle,
  });
}

async function match(call: Call<MatchOptions>): Promise<ExitCode> {
  const config = await call.config();
  const bank = call.options.bank ?? null;
  const names = config.banks.map(({ source }) => source);
  if (names.length === 0)
    throw new CliError('USAGE', `${config.path} has no section banks; see docs/banks.md`);
  if (bank !== null && !names.includes(bank))
    throw new CliError('USAGE', `--bank: expected one of ${names.join(', ')}; came ${bank}`);
  const request = { day: day(call.options.day, '--day'), bank };
  const { askHub } = await import('./ask-hub.js');
  const { signal } = call.frame;
  const answer = await askHub(config, 'match-banks', request, { timeoutMs: MATCH_MS_MAX, signal });
  if (!answer.ok && answer.code !== 'NOT_RUNNING') throw new CliError('INPUT', answer.message);
  const days = answer.ok ? (answer.result as readonly DayReport[]) : await matchHere(call, config, request);
  call.out.document({ days });
  call.out.table(
    ['bank 银行', 'outcome 结果', '=', 'X', 'N', 'U', 'B', 'I', 'changed 变动', 'open 未结'],
    days.map((one) => [
      one.bank,
      OUTCOMES[one.outcome] + (one.behind === undefined ? '' : ` (${one.behind})`),
      ...SIGNS.map((sign) => countOf(one, sign)),
      String(one.changed),
      String(one.open),
    ]),
  );
  return days.length > 0 && days.every(({ outcome, open }) => outcome === 'MATCHED' && open === 0)
    ? EXIT.ok
    : EXIT.no;
}

function countOf({ totals }: DayReport, result: (typeof SIGNS)[number]): string {
  if (totals === undefined) return '';
  return String((totals.CORE?.counts[result] ?? 0) + (totals.VENDOR?.counts[result] ?? 0));
}

async function matchHere(
  call: Call<MatchOptions>,
  config: Config,
  request: { readonly day: number; readonly bank: string | null },
): Promise<readonly DayReport[]> {
  const { matchOne } = await import('../run/bank-matching.js');
  return asMatcher(call, config, (deps, writer) => matchOne(deps, writer, request));
}

/** No hub runs: this process owns the log for the moment, and is the one that writes. */
async function asMatcher<T>(
  call: Call<unknown>,
  config: Config,
  use: (deps: BankReconDeps, writer: CaseWriter) => Promise<T>,
): Promise<T> {
  const [{ openLog }, { openCodecs, recordCodec }, matching, { openCaseWriter }, { TOPICS }, { LogError }] =
    await Promise.all([
      import('../run/open-log.js'),
      import('../run/codec.js'),
      import('../desk/bank-recon.js'),
      import('../desk/case-writer.js'),
      import('../../contracts/types.js'),
      import('../log/log.js'),
    ]);
  const { tenant, banks } = config;
  const log = await openLog(config);
  try {
    const id = matching.matchingId(tenant);
    const [owner] = (await log.owners?.([id])) ?? [];
    if (owner !== undefined)
      throw new LogError('LOCKED', `the hub at ${owner.owner} does the matching; ask there`, 'later');
    await log.applyTopics(TOPICS);
    const codec = recordCodec(openCodecs(), `/${tenant}/hub`, call.frame.now);
    const writer = await openCaseWriter(log, codec, id);
    try {
      return await use({ log, codec, tenant, banks }, writer);
    } finally {
      await writer.close();
    }
  } finally {
    await log.close();
  }
}

async function settle(call: Call<SettleOptions>): Promise<ExitCode> {
  const [wanted = '', ...keys] = call.args;
  const [{ CASE_DECISIONS }, { CASE_REASON_MAX }, { matchingId }] = await Promise.all([
    import('../../transforms/recon-case.js'),
    import('../desk/case-decisions.js'),
    import('../desk/bank-recon.js'),
  ]);
  const state = CASE_DECISIONS.find((each) => each === wanted.toUpperCase());
  if (state === undefined) {
    const words = CASE_DECISIONS.map((each) => each.toLowerCase()).join(', ');
    throw new CliError('USAGE', `expected one of ${words}; came ${wanted}`);
  }
  const reason = (call.options.reason ?? '').trim();
  if (reason === '' || reason.length > CASE_REASON_MAX)
    throw new CliError(
      'USAGE',
      `--reason: expected 1 to ${CASE_REASON_MAX} characters; came ${reason.length}`,
    );
  const config = await call.config();
  const known = await readCases(call, config);
  const wrong = keys.flatMap((key) => {
    const one = known.get(key);
    if (one === undefined) return [`${key}: no such case`];
    return one.state === 'CLOSED' ? [`${key}: the books agree, it is closed`] : [];
  });
  // All of them or none: a slip in one must not leave the others half decided.
  if (wrong.length > 0) throw new CliError('INPUT', `${wrong.join('; ')}; see cardhub banks cases --all`);
  let outcome: 'given' | 'waiting' = 'given';
  for (const caseKey of keys) {
    const order = { caseKey, state, reason };
    outcome = await giveCommand(config, 'RECON_DECIDE', matchingId(config.tenant), order);
  }
  if (outcome === 'waiting') {
    const { BankMatching } = await import('../desk/bank-recon.js');
    await asMatcher(call, config, (deps, writer) => new BankMatching(deps).decide(writer));
  }
  const done = outcome === 'given' ? 'given' : 'done';
  call.out.document({ outcome: done, cases: keys, state });
  call.out.line(done === 'given' ? toldOwner('given') : `${keys.join(', ')}: ${state}`);
  return EXIT.ok;
}

async function readCases(call: Call<unknown>, config: Config): Promise<ReadonlyMap<string, ReconCase>> {
  const found = new Map<string, ReconCase>();
  await withReader(config, async ({ log, codec }) => {
    for await (const batch of log.read({
      topic: 'hub.recon-case',
      until: 'end',
      signal: call.frame.signal,
    })) {
      for (const { key, value } of batch.records) {
        if (value === null) found.delete(key);
        else found.set(key, codec.decode('hub.recon-case', value) as ReconCase);
      }
    }
  });
  call.frame.signal.throwIfAborted();
  return found;
}

async function cases(call: Call<CasesOptions>): Promise<ExitCode> {
  const { bank, all } = call.options;
  const only = call.options.day === undefined ? null : day(call.options.day, '--day');
  const found = await readCases(call, await call.config());
  const isOpen = ({ state }: ReconCase): boolean => state === 'OPEN' || state === 'HELD';
  const shown = [...found.values()]
    .filter((one) => (all === true || isOpen(one)) && (bank === undefined || one.source === bank))
    .filter(({ businessDate }) => only === null || businessDate === only)
    .sort((a, b) => a.businessDate - b.businessDate || (a.caseKey < b.caseKey ? -1 : 1));
  const { CODES } = await import('../../contracts/codes.js');
  const advice = new Map<string, { en: string; zh: string }>(
    CODES['recon-advice'].map((one) => [one.code, one]),
  );
  const says = new Map<string, { zh: string }>(CODES['load-states'].map((one) => [one.code, one]));
  const signs = new Map<string, { zh: string }>(CODES['recon-results'].map((one) => [one.code, one]));
  call.out.document({
    cases: shown.map((one) => ({
      ...one,
      whatToDo: { en: advice.get(one.advice)?.en ?? '', zh: advice.get(one.advice)?.zh ?? '' },
    })),
  });
  call.out.table(
    [
      ...['case 差错', 'result 结果', 'bank 银行(fen)', 'other 对方(fen)', 'state 状态'],
      ...['bank, asked 银行查询', 'what to do 处理建议'],
    ],
    shown.map((one) => [
      one.caseKey,
      `${signs.get(one.result)?.zh ?? ''} ${one.result}`,
      one.bankFen === null ? '–' : String(one.bankFen),
      one.localFen === null ? '–' : String(one.localFen),
      one.state,
      one.bankSays === null ? '–' : `${says.get(one.bankSays)?.zh ?? ''} ${one.bankSays}`,
      `${advice.get(one.advice)?.en ?? one.advice} ${advice.get(one.advice)?.zh ?? ''}`,
    ]),
  );
  call.out.line(`${shown.length} cases 笔`);
  return shown.some(isOpen) ? EXIT.no : EXIT.ok;
}
