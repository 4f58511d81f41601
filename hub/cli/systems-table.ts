import type { ConnectorErrorCode } from '../../connectors/sdk.js';
import type { SystemState } from '../demo/systems.js';
import type { StreamTrouble } from '../run/health.js';
import type { LogErrorCode } from '../log/log.js';
import { CONNECTOR_MESSAGES, LOG_MESSAGES, REASON_MESSAGES, type Message } from './messages.js';
import type { Output } from './output.js';

/** The systems of the campus as a table, and below it, in words, what is wrong with those that are not green. */
export function showSystems(out: Output, systems: readonly SystemState[]): void {
  out.table(
    ['system 系统', '', 'state 状态', 'records 记录', 'age 时延'],
    systems.map((system) => [
      system.source,
      system.title.zh,
      stateWord(out, system.state),
      system.records.toLocaleString('en'),
      system.ageMs === null ? '-' : ageWord(system.ageMs),
    ]),
  );
  for (const line of systems.flatMap(remarksOf)) out.line(line);
}

/** Why a system is not green, a line a cause. Streams that suffer from the same are named together. */
export function remarksOf({ source, troubles, held, resting }: SystemState): string[] {
  const byCause = new Map<string, { streams: string[]; trouble: StreamTrouble }>();
  for (const { stream, trouble } of troubles) {
    const cause = byCause.get(`${trouble.code} ${trouble.reason}`);
    if (cause === undefined) byCause.set(`${trouble.code} ${trouble.reason}`, { streams: [stream], trouble });
    else cause.streams.push(stream);
  }
  const causes = [...byCause.values()].map(({ streams, trouble }) => {
    return `  ! ${source} (${streams.join(', ')}): ${troubleWords(trouble)}`;
  });
  const missing = held.map(({ stream, count }) => `  ! ${source} (${stream}): ${heldWords(count)}`);
  return resting === null
    ? [...causes, ...missing]
    : [...causes, ...missing, `  · ${source}, nothing to read yet 暂无可读数据: ${resting}`];
}

export function heldWords(count: number): string {
  return (
    `${count} are missing upstream, more than may go by themselves; nothing is taken away until you have looked. ` +
    `上游缺少 ${count} 项，超过自动处理上限，确认前不作变更。 [cardhub snapshot list]`
  );
}

/** Characters of an upstream's own words that are shown. */
const MESSAGE_CHARS = 160;

export function troubleWords({ code, reason, message }: StreamTrouble): string {
  const { en, zh } = meaningOf(code, reason);
  const short = message.length <= MESSAGE_CHARS ? message : `${message.slice(0, MESSAGE_CHARS)}…`;
  return `${en} ${zh} [${code}${reason === null ? '' : ` ${reason}`}: ${short}]`;
}

function meaningOf(code: string, reason: string | null): Message {
  const known = reason === null ? undefined : REASON_MESSAGES[reason];
  if (known !== undefined) return known;
  const [kind, name = ''] = code.split('.');
  return kind === 'connector'
    ? CONNECTOR_MESSAGES[name as ConnectorErrorCode]
    : (LOG_MESSAGES[name as LogErrorCode] ?? LOG_MESSAGES.UNAVAILABLE);
}

const STATES = {
  ok: { colour: 'green', word: 'OK 正常' },
  degraded: { colour: 'red', word: 'DEGRADED 异常' },
  held: { colour: 'yellow', word: 'HELD 待确认' },
  reading: { colour: 'yellow', word: 'reading 读取中' },
} as const;

export function stateWord(out: Pick<Output, 'paint'>, state: SystemState['state']): string {
  return out.paint(STATES[state].colour, STATES[state].word);
}

/** `12 s`, `4 min`, `3 h`, `2 d`. */
export function ageWord(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1_000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3_600)} h` : `${Math.round(seconds / 86_400)} d`;
}
