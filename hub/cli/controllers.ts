import type { Command } from 'commander';
import type { ControllerList } from '../../contracts/types.js';
import type { Config } from '../config/types.js';
import type { ControllerReport, Revocation } from '../doors/report.js';
import { EXIT, type ExitCode } from './exit-codes.js';
import { addCommand, type Call, type Frame } from './frame.js';
import { withReader } from './open-reader.js';
import { ageWord } from './systems-table.js';

/** `cardhub controllers`: from the running hub, or from the log where none runs. */
export function register(program: Command, frame: Frame): void {
  addCommand(program, frame, {
    name: 'controllers',
    summary: {
      en: 'Show what each door controller holds, which revocations it has not confirmed, which events are missing.',
      zh: '显示各门禁控制器持有的名单、未确认的吊销和缺失的事件。',
    },
    examples: ['cardhub controllers', 'cardhub controllers --json'],
    more: 'Exit code 1: a loss is not confirmed by a controller, or events are missing.',
    run,
  });
}

export interface ControllersAnswer {
  readonly controllers: readonly ControllerReport[];
  readonly revocations: readonly Revocation[];
}

async function run({ frame, out, config }: Call<object>): Promise<ExitCode> {
  const loaded = await config();
  const { askHub } = await import('./ask-hub.js');
  const answer = await askHub(loaded, 'controllers', null, { timeoutMs: 5_000 });
  const found = answer.ok ? (answer.result as ControllersAnswer) : await fromLog(loaded);
  const { controllers, revocations } = found;
  out.document(found);
  const now = frame.now();
  out.table(
    [
      'controller 控制器',
      'list 名单',
      'cards 卡',
      'held 持有',
      'since 时间',
      'unconfirmed 未确认',
      'losses 挂失',
      'events 事件',
    ],
    controllers.map(({ id, version, entries, held, unconfirmed, unconfirmedLosses, events }) => [
      id,
      `v${version}`,
      String(entries),
      held === null ? '-' : `v${held.version}`,
      held === null ? '-' : ageWord(Math.max(0, now - held.at)),
      String(unconfirmed),
      String(unconfirmedLosses),
      events.gaps.length === 0
        ? `to 至 ${events.last}`
        : `to 至 ${events.last}, gaps 缺口 ${events.gaps.length}`,
    ]),
  );
  for (const { id, events } of controllers) {
    for (const { first, last } of events.gaps)
      out.line(`  ! ${id}: events ${first}–${last} are missing 事件缺失`);
  }
  for (const { card, reason, since, unconfirmedBy } of revocations) {
    const by = unconfirmedBy.map(({ controller }) => controller).join(', ');
    const age = ageWord(Math.max(0, now - since));
    out.line(`  ! ${card} ${reason}, for 已 ${age}: not confirmed by 未确认 ${by}`);
  }
  const isWell = controllers.every((one) => one.unconfirmedLosses === 0 && one.events.gaps.length === 0);
  return isWell ? EXIT.ok : EXIT.no;
}

/** What the log says, when no hub answers on this data folder. */
async function fromLog(config: Config): Promise<ControllersAnswer> {
  const [{ ControllerState }, { reportOf, revocationsOf }] = await Promise.all([
    import('../doors/state.js'),
    import('../doors/report.js'),
  ]);
  const states = new Map(config.controllers.map((one) => [one.id, new ControllerState(one, (text) => text)]));
  await withReader(config, async ({ log, codec }) => {
    const newest = new Map<string, ControllerList>();
    for await (const batch of log.read({ topic: 'hub.controller-list', until: 'end' })) {
      for (const { key, value } of batch.records) {
        if (value === null) newest.delete(key);
        else newest.set(key, codec.decode('hub.controller-list', value) as ControllerList);
      }
    }
    for (const record of newest.values()) states.get(record.controller)?.load(record);
  });
  const all = [...states.values()];
  return { controllers: all.map(reportOf), revocations: revocationsOf(all) };
}
