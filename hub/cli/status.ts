import type { Command } from 'commander';
import type { HubStatus } from '../run/status.js';
import type { Config } from '../config/types.js';
import { EXIT, type ExitCode } from './exit-codes.js';
import { addCommand, type Call, type Frame } from './frame.js';
import { withReader } from './open-reader.js';
import { ageWord, heldWords, troubleWords } from './systems-table.js';

/** `cardhub status`: from the running hub, or from the log where none runs. */
export function register(program: Command, frame: Frame): void {
  addCommand(program, frame, {
    name: 'status',
    summary: {
      en: 'Show each stream, its data age and its books.',
      zh: '显示各数据流的状态、数据时延和账目。',
    },
    examples: ['cardhub status', 'cardhub status --json'],
    run: status,
  });
}

async function status({ frame, out, config }: Call<object>): Promise<ExitCode> {
  const loaded = await config();
  const { askHub } = await import('./ask-hub.js');
  const answer = await askHub(loaded, 'status', null, { timeoutMs: 5_000 });
  const found = answer.ok ? (answer.result as HubStatus) : await fromLog(loaded, frame.now());
  out.document(found);
  show(out, found, frame.now());
  return EXIT.ok;
}

/** What the positions on the log say, when no hub answers on this data folder. */
async function fromLog(config: Config, now: number): Promise<HubStatus> {
  const [{ readPositions }, { alertStatus, streamStatus }, { partitionId }, { readAlerts }] =
    await Promise.all([
      import('../desk/reconcile.js'),
      import('../run/status.js'),
      import('../run/sources.js'),
      import('../run/alert.js'),
    ]);
  const [positions, alerts] = await withReader(config, async ({ log, codec }) => [
    await readPositions(log, codec),
    await readAlerts(log, codec, config.tenant),
  ]);
  const ids = config.sources.flatMap(({ streams }) =>
    streams
      .filter(({ enabled }) => enabled)
      .map(({ source, name }) => partitionId(config.tenant, `${source}/${name}`)),
  );
  return {
    running: false,
    replica: null,
    engine: config.log.engine,
    facade: null,
    view: null,
    alerts: alerts.view.list(now).map(alertStatus),
    streams: ids.map((id) => streamStatus(id, positions.get(id), null, now)),
  };
}

/** Less than this is no fault: clocks differ by seconds, and answers take their time. */
const CLOCK_AHEAD_MS = 60_000;

function show(out: Call<object>['out'], found: HubStatus, now: number): void {
  out.line(
    found.running
      ? `running 运行中  ${found.facade ?? ''}  (${found.engine}, ${found.replica ?? ''})`
      : `not running 未运行  (${found.engine})`,
  );
  if (found.view !== null) {
    const { ready, cards, people, grants, doors, lag } = found.view;
    out.line(
      `view 视图: ${ready ? 'ready 就绪' : 'reading the log 正在读取日志'}; cards 卡 ${cards}, people 人员 ${people}, ` +
        `grants 授权 ${grants}, doors 门 ${doors}, lag 滞后 ${lag}`,
    );
    for (const fault of found.view.faults) out.line(`  ! ${fault}`);
  }
  for (const { state, level, scope, since, until } of found.alerts) {
    const ends = until === null ? '' : ` until 至 ${new Date(until).toISOString()}`;
    const grade = level > 0 ? ` ${level}` : '';
    out.line(`! ALERT 紧急状态: ${state}${grade} ${scope} since 自 ${new Date(since).toISOString()}${ends}`);
  }
  out.table(
    [
      'stream 数据流',
      'age 时延',
      'listing 快照',
      'read 读取',
      'published 发布',
      'quarantined 隔离',
      'held 暂缓',
      'owner',
    ],
    found.streams.map((stream) => [
      stream.sourcePartition,
      stream.ageMs < 0 ? 'never' : `${Math.round(stream.ageMs / 1_000)} s`,
      stream.snapshotNumber === 0 ? '-' : `#${stream.snapshotNumber}`,
      String(stream.read),
      String(stream.published),
      String(stream.quarantined),
      String(stream.held?.count ?? 0),
      stream.owned === null ? '-' : stream.owned ? 'this hub' : 'other',
    ]),
  );
  for (const { sourcePartition, aheadMs } of found.streams) {
    if (aheadMs > CLOCK_AHEAD_MS)
      out.line(
        `  ! ${sourcePartition}: the upstream's clock is ahead by 上游时钟超前 ${ageWord(aheadMs)}; set it 请校准`,
      );
  }
  for (const { sourcePartition, held } of found.streams) {
    if (held !== null) out.line(`  ! ${sourcePartition}: ${heldWords(held.count)}`);
  }
  for (const { sourcePartition, trouble } of found.streams) {
    // A running hub of an earlier version says nothing of trouble.
    if (!trouble) continue;
    const since = ageWord(Math.max(0, now - trouble.since));
    out.line(`  ! ${sourcePartition}, for 已持续 ${since}: ${troubleWords(trouble)}`);
  }
}
