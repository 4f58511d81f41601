import { userInfo } from 'node:os';
import type { Command } from 'commander';
import type { Config } from '../config/types.js';
import type { AlertAnswer, AlertRequest } from '../run/alert.js';
import { CliError } from './errors.js';
import { EXIT, type ExitCode } from './exit-codes.js';
import { addCommand, addGroup, type Call, type Frame } from './frame.js';
import { withReader } from './open-reader.js';
import { withOwnJournal } from './own-journal.js';

/** `cardhub alert set|clear|list`. */
export function register(program: Command, frame: Frame): void {
  const group = addGroup(program, 'alert', {
    en: 'Fire, evacuation and lockdown over doors.',
    zh: '火警、疏散与封控。',
  });
  addCommand<SetOptions>(group, frame, {
    name: 'set <state>',
    summary: {
      en: 'Set fire, evacuation or lockdown: in force at once, until it is cleared.',
      zh: '设置火警（fire）、疏散（evacuation）或封控（lockdown），立即生效。',
    },
    examples: [
      'cardhub alert set fire --reason "smoke in the north wing"',
      'cardhub alert set lockdown --level 2 --building L1 --until "2026-11-23 18:00"',
    ],
    more:
      'Without --building or --door: the whole campus. Fire and evacuation open every exit; what is closed to entry ' +
      'says the policy. 不指定楼宇或门时为全校；火警与疏散放行一切外出，进入规则见策略。',
    options: (command) =>
      scoped(command)
        .option('--level <n>', 'of a lockdown, 1 to 9; default 1 封控级别')
        .option('--until <time>', 'when it ends by itself; Shanghai time unless an offset is given 截止时间')
        .option('--reason <text>', 'why; no names of people 原因（勿填姓名）'),
    run: set,
  });
  addCommand<ScopeOptions>(group, frame, {
    name: 'clear',
    summary: { en: 'End the alarm of the campus, a building or a door.', zh: '解除紧急状态。' },
    examples: ['cardhub alert clear', 'cardhub alert clear --building L1 --reason "false alarm"'],
    more: 'Only that of the scope named: an alarm of the campus stays over a building that is cleared. 只解除所指范围。',
    options: (command) => scoped(command).option('--reason <text>', 'why 原因'),
    run: clear,
  });
  addCommand(group, frame, {
    name: 'list',
    summary: {
      en: 'What is in force, and what was cleared last in each place.',
      zh: '列出各范围的紧急状态。',
    },
    examples: ['cardhub alert list', 'cardhub alert list --json'],
    run: list,
  });
}

interface ScopeOptions {
  readonly building?: string;
  readonly door?: string;
  readonly reason?: string;
}
interface SetOptions extends ScopeOptions {
  readonly level?: string;
  readonly until?: string;
}

function scoped(command: Command): Command {
  return command
    .option('--building <building>', 'of the doors of a building 楼宇')
    .option('--door <key>', 'of one door, by its key 门');
}

function scopeOf({ building, door }: ScopeOptions): string {
  if (building !== undefined && door !== undefined) {
    throw new CliError('USAGE', 'expected --building or --door, got both');
  }
  if (building !== undefined) return `building:${building}`;
  return door === undefined ? 'campus' : `door:${door}`;
}

async function set(call: Call<SetOptions>): Promise<ExitCode> {
  const { args, options } = call;
  const state = (args[0] ?? '').toUpperCase();
  if (state !== 'FIRE' && state !== 'EVACUATION' && state !== 'LOCKDOWN') {
    throw new CliError('USAGE', `expected fire, evacuation or lockdown, got ${args[0] ?? 'nothing'}`);
  }
  const level = options.level ?? (state === 'LOCKDOWN' ? '1' : undefined);
  return give(call, {
    state,
    ...(level !== undefined && { level: Number(level) }),
    ...(options.until !== undefined && { until: await instant(options.until) }),
  });
}

async function instant(text: string): Promise<number> {
  const { parseInstant } = await import('../../transforms/time.js');
  const parsed = parseInstant(text);
  if (parsed.ok) return parsed.ms;
  throw new CliError('USAGE', `--until: ${parsed.detail}`);
}

async function clear(call: Call<ScopeOptions>): Promise<ExitCode> {
  return give(call, { state: 'NONE' });
}

async function give(
  { out, config, options }: Call<ScopeOptions>,
  wanted: Pick<AlertRequest, 'state' | 'level' | 'until'>,
): Promise<ExitCode> {
  const { reason } = options;
  const asked: AlertRequest = {
    ...wanted,
    scope: scopeOf(options),
    by: userInfo().username,
    ...(reason !== undefined && { reason }),
  };
  const done = await write(await config(), asked);
  out.document(done);
  const { state, level, scope } = done.alert;
  const what = state === 'NONE' ? 'cleared 已解除' : `${state}${level > 0 ? ` ${level}` : ''}`;
  const when = done.inForce
    ? 'in force 已生效'
    : 'on the log, not in force yet: see `cardhub status` 已记录，尚未生效';
  out.line(`${scope}: ${done.from ?? 'NONE'} → ${what}; ${when}`);
  return EXIT.ok;
}

/** Through the hub that runs here, or else on the log itself, where the next start finds it. */
async function write(config: Config, asked: AlertRequest): Promise<AlertAnswer> {
  const { askHub } = await import('./ask-hub.js');
  const answer = await askHub(config, 'alert', asked);
  if (answer.ok) return answer.result as AlertAnswer;
  if (answer.code !== 'NOT_RUNNING') throw new CliError('INPUT', answer.message);
  const { AlertError, alertRecord, readDoors } = await import('../run/alert.js');
  return withOwnJournal(config, async ({ log, codec, journal }) => {
    try {
      const parts = { log, codec, tenant: config.tenant, doors: await readDoors(log, codec) };
      const { record, alert, from } = await alertRecord(parts, asked, Date.now());
      await journal.append([record]);
      return { alert, from, inForce: false };
    } catch (error) {
      if (error instanceof AlertError) throw new CliError('INPUT', error.message);
      throw error;
    }
  });
}

async function list({ frame, out, config }: Call<object>): Promise<ExitCode> {
  const loaded = await config();
  const { readAlerts } = await import('../run/alert.js');
  const { view, newest } = await withReader(loaded, ({ log, codec }) =>
    readAlerts(log, codec, loaded.tenant),
  );
  const lasting = new Set(view.list(frame.now()).map(({ scope }) => scope));
  const alerts = [...newest.values()].map(({ alert }) => ({ ...alert, inForce: lasting.has(alert.scope) }));
  out.document({ alerts });
  out.table(
    ['scope 范围', 'state 状态', 'in force 生效', 'since 自', 'until 至', 'by 操作人', 'reason 原因'],
    alerts.map(({ scope, state, level, inForce, since, until, by, reason }) => [
      scope,
      level > 0 ? `${state} ${level}` : state,
      inForce ? 'yes 是' : 'no 否',
      new Date(since).toISOString(),
      until === null ? '-' : new Date(until).toISOString(),
      by,
      reason ?? '',
    ]),
  );
  return EXIT.ok;
}
