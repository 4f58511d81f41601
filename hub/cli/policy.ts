import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { DoorEvent } from '../../contracts/types.js';
import { formatDate } from '../../transforms/time.js';
import type { PolicyDocument } from '../decide/policy.js';
import type { CaseResult } from '../desk/policy-test.js';
import type { PolicySwitch } from '../run/policy.js';
import { CliError } from './errors.js';
import { EXIT, type ExitCode } from './exit-codes.js';
import { addCommand, addGroup, type Call, type Frame } from './frame.js';
import { withReader } from './open-reader.js';
import { day, dayRange, eachDoorEvent, readView, showRange } from './recorded.js';
import { writeSwitch } from './policy-write.js';

/** `cardhub policy list|test|diff|switch|rollback`. */
export function register(program: Command, frame: Frame): void {
  const group = addGroup(program, 'policy', { en: 'The rules of decisions.', zh: '判定策略。' });
  addCommand(group, frame, {
    name: 'list',
    summary: { en: 'Every policy that was in force, the newest last.', zh: '列出历次生效的策略。' },
    examples: ['cardhub policy list', 'cardhub policy list --json'],
    run: list,
  });
  addCommand<TestOptions>(group, frame, {
    name: 'test <policy>',
    summary: { en: 'Check a policy and run the table beside it.', zh: '校验策略并运行其测试表。' },
    examples: ['cardhub policy test examples/policy/campus.yaml'],
    more: 'The table of p.yaml is p.tests.yaml. Exit code 1: a case gives another reason. 有用例不符时退出码为 1。',
    options: (command) => command.option('--table <file>', 'another table 指定测试表'),
    run: test,
  });
  addCommand<DiffOptions>(group, frame, {
    name: 'diff <policy>',
    summary: {
      en: 'Which decisions the policy would change, for whom, where, over real swipes of the log.',
      zh: '用真实刷卡记录试算：新策略会改变哪些判定、涉及谁、在哪里。',
    },
    examples: [
      'cardhub policy diff new.yaml',
      'cardhub policy diff new.yaml --from 2019-04-09 --until 2019-04-15',
    ],
    more: 'Default: the last seven days that have swipes. Nothing is written. 只读运行，不影响任何门。',
    options: (command) =>
      command
        .option('--from <day>', 'first day 起始日')
        .option('--until <day>', 'last day, inclusive 结束日（含）'),
    run: diff,
  });
  addCommand<SwitchOptions>(group, frame, {
    name: 'switch <policy>',
    summary: { en: 'Put a policy in force, at once and everywhere.', zh: '切换策略，立即生效。' },
    examples: ['cardhub policy switch new.yaml --note "exam weeks"'],
    more: 'The table beside the policy must hold. A version that was another document before is refused.',
    options: (command) =>
      command.option('--note <text>', 'why 说明').option('--tenant <name>', 'of another tenant 租户'),
    run: switchTo,
  });
  addCommand<RollbackOptions>(group, frame, {
    name: 'rollback',
    summary: { en: 'Go back to the policy before the current one.', zh: '回退到上一版策略。' },
    examples: ['cardhub policy rollback', 'cardhub policy rollback --to default-1'],
    options: (command) =>
      command
        .option('--to <version>', 'to that version 指定版本')
        .option('--note <text>', 'why 说明')
        .option('--tenant <name>', 'of another tenant 租户'),
    run: rollback,
  });
}

interface TestOptions {
  readonly table?: string;
}
interface DiffOptions {
  readonly from?: string;
  readonly until?: string;
}
interface SwitchOptions {
  readonly note?: string;
  readonly tenant?: string;
}
interface RollbackOptions extends SwitchOptions {
  readonly to?: string;
}

async function list({ out, config }: Call<object>): Promise<ExitCode> {
  const loaded = await config();
  const { policyHistory } = await import('../run/policy.js');
  const history = await withReader(loaded, ({ log, codec }) => policyHistory(log, codec, loaded.tenant));
  out.document({
    policies: history.map(({ policyVersion, digest, issuedAt, note }) => ({
      policyVersion,
      digest,
      issuedAt,
      note,
    })),
  });
  out.table(
    ['version 版本', 'since 生效', 'note 说明'],
    history.map(({ policyVersion, issuedAt, note }) => [
      policyVersion,
      new Date(issuedAt).toISOString(),
      note ?? '',
    ]),
  );
  return EXIT.ok;
}

async function readDocument(cwd: string, file: string): Promise<unknown> {
  const [{ parse }, path] = [await import('yaml'), resolve(cwd, file)];
  if (!existsSync(path)) throw new CliError('INPUT', `no file ${file}`, { path: file });
  try {
    return parse(await readFile(path, 'utf8')) as unknown;
  } catch (error) {
    throw new CliError('INPUT', `${file}: ${(error as Error).message}`, { path: file });
  }
}

async function readPolicy(cwd: string, file: string) {
  const { compilePolicy } = await import('../decide/policy.js');
  const document = await readDocument(cwd, file);
  try {
    return compilePolicy(document);
  } catch (error) {
    throw new CliError('INPUT', `${file}: ${(error as Error).message}`, { path: file });
  }
}

function tableBeside(file: string): string {
  return file.replace(/(\.ya?ml|\.json)?$/, '.tests.yaml');
}

/** Runs the table; null where there is none. */
async function runTableOf(
  cwd: string,
  file: string,
  given: string | undefined,
): Promise<CaseResult[] | null> {
  const policy = await readPolicy(cwd, file);
  const table = given ?? tableBeside(file);
  if (given === undefined && !existsSync(resolve(cwd, table))) return null;
  const { readTable } = await import('../desk/policy-table.js');
  const { runTable } = await import('../desk/policy-test.js');
  const read = readTable(await readDocument(cwd, table));
  if (typeof read === 'string') throw new CliError('INPUT', `${table}: ${read}`, { path: table });
  return runTable(policy, read);
}

async function test({ frame, out, args, options }: Call<TestOptions>): Promise<ExitCode> {
  const file = args[0] ?? '';
  const { version, calendar } = await readPolicy(frame.cwd, file);
  const { runsOut } = await import('../decide/calendar.js');
  const calendarDaysLeft = runsOut(calendar, frame.now()) ?? null;
  const results = (await runTableOf(frame.cwd, file, options.table)) ?? [];
  const failed = results.filter(({ ok }) => !ok);
  out.document({ version, cases: results.length, failed, calendarDaysLeft });
  if (calendarDaysLeft !== null) {
    out.line(
      `The calendar ends in ${calendarDaysLeft} days: extend it. 校历还剩 ${calendarDaysLeft} 天，请及时更新。`,
    );
  }
  for (const { name, expected, came } of failed) out.line(`✗ ${name}: expected ${expected}, came ${came}`);
  out.line(`${version}: ${results.length - failed.length} of ${results.length} cases hold 用例通过`);
  return failed.length === 0 ? EXIT.ok : EXIT.no;
}

const WEEK_DAYS = 7;
const CLOCK_SUSPECT = 'CLOCK_SUSPECT';

async function diff({ frame, out, args, options, config }: Call<DiffOptions>): Promise<ExitCode> {
  const after = await readPolicy(frame.cwd, args[0] ?? '');
  const loaded = await config();
  const { diffPolicies } = await import('../desk/policy-diff.js');
  const last = options.from === undefined && options.until === undefined;
  const until = options.until === undefined ? undefined : day(options.until, '--until');
  let range = last
    ? undefined
    : dayRange(options.from ?? formatDate((until ?? 0) - WEEK_DAYS + 1), options.until);
  const events: DoorEvent[] = [];
  const recorded = await withReader(loaded, async (reader) => {
    if (range === undefined) {
      let newest = -Infinity;
      await eachDoorEvent(reader, frame.signal, ({ businessDate, dataQuality }) => {
        // A device whose clock is years ahead must not say which week is the last one.
        if (!dataQuality.includes(CLOCK_SUSPECT)) newest = Math.max(newest, businessDate);
      });
      if (newest === -Infinity)
        throw new CliError('INPUT', 'no swipes whose time can be believed are on the log yet');
      range = { from: newest - WEEK_DAYS + 1, until: newest };
    }
    const { from, until } = range;
    await eachDoorEvent(reader, frame.signal, (event) => {
      if (event.businessDate >= from && event.businessDate <= until) events.push(event);
    });
    return readView(reader, loaded, frame.now, frame.signal);
  });
  const { view } = recorded;
  const before = view.policy();
  const report = diffPolicies(
    events,
    view,
    { before, after },
    {
      ignoreAntiPassback: false,
      passed: (event) => view.passages.apply(event, event.occurredAt),
    },
  );
  const { swipes, newlyDenied, newlyAllowed, otherReason, cards, doors, groups } = report;
  const days = range === undefined ? '' : showRange(range);
  const figures = { swipes, newlyDenied, newlyAllowed, otherReason, cards, doors };
  out.document({ before: before.version, after: after.version, days, ...figures, groups });
  out.line(`${before.version} → ${after.version}, ${swipes} swipes, ${days}`);
  out.line(
    `newly denied 新拒绝 ${newlyDenied}, newly allowed 新放行 ${newlyAllowed}, other reason 原因变化 ${otherReason}; ` +
      `${cards} cards 卡, ${doors} doors 门`,
  );
  out.table(
    ['before 原', 'after 新', 'door 门', 'class 门类', 'people 人员', 'swipes 次', 'cards 卡'],
    groups
      .slice(0, 50)
      .map((one) => [
        one.before,
        one.after,
        one.doorKey,
        one.doorClass,
        one.personClass,
        `${one.swipes}`,
        `${one.cards}`,
      ]),
  );
  return EXIT.ok;
}

async function switchTo(call: Call<SwitchOptions>): Promise<ExitCode> {
  const { frame, args, options } = call;
  const file = args[0] ?? '';
  const { document } = await readPolicy(frame.cwd, file);
  const failed = ((await runTableOf(frame.cwd, file, undefined)) ?? []).filter(({ ok }) => !ok);
  if (failed.length > 0) {
    const [first] = failed;
    throw new CliError('INPUT', `${failed.length} cases of its table fail, the first: ${first?.name ?? ''}`);
  }
  return give(call, { document, ...(options.note !== undefined && { note: options.note }) });
}

async function rollback(call: Call<RollbackOptions>): Promise<ExitCode> {
  const { to, note } = call.options;
  return give(call, { ...(to !== undefined && { to }), ...(note !== undefined && { note }) });
}

async function give(
  { out, config, options }: Call<SwitchOptions>,
  wanted: { readonly document?: PolicyDocument; readonly to?: string; readonly note?: string },
): Promise<ExitCode> {
  const loaded = await config();
  const asked: PolicySwitch = { tenant: options.tenant ?? loaded.tenant, ...wanted };
  const done = await writeSwitch(loaded, asked);
  out.document(done);
  out.line(
    done.written
      ? `${done.from ?? 'none'} → ${done.version}: in force. 策略已生效。`
      : `${done.version} is in force already: nothing was written. 该策略已在生效，未写入。`,
  );
  return EXIT.ok;
}
