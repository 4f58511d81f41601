/** `start-up`: a process begins, reads a log with a million cards, and can answer. */
import type { StartUpAnswer, StartUpArgument } from './children/start-up.js';
import { below, line, type BenchOptions, type BenchResult } from './measure.js';
import { runChild } from './spawn.js';
import { viewLog } from './view-log.js';
import iconv from 'iconv-lite';
import type { WholeHubAnswer, WholeHubArgument } from './children/whole-hub.js';
import { CACHE } from './campus-files.js';
import { cp, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Lists that name nothing. */
const HEADER =
  '卡号,账号,学工号,姓名,性别,卡类型,卡名称,卡状态,版本,挂失,冻结,坏卡,锁定,挂失时间,启用日期,有效期,开卡日期,' +
  '物理卡号,证件类型,证件号码,身份代码,身份,部门代码,部门,账户余额,过渡余额,卡片余额,新卡号,旧卡号\r\n';
const DOORS_HEADER = 'id,name,class,building,campus,groups,readerProfile,auditRequired,state,version\r\n';
const SWIPES_HEADER = 'id,door,controller,index,value,direction,granted,occurred,uploaded\r\n';
const GOAL_S = 20;
const GOAL_MIB = 1_536;

export async function startUp(options: BenchOptions): Promise<BenchResult> {
  const cards = options.quick ? 100_000 : 1_000_000;
  const dir = await viewLog(cards, options.note);
  const answers: StartUpAnswer[] = [];
  for (let round = 0; round < options.rounds; round++) {
    const argument: StartUpArgument = { dir, cards, decisions: 0, rounds: 0 };
    answers.push(await runChild<StartUpAnswer>('start-up', argument));
  }
  const whole = await wholeHub(dir, options.rounds);
  const of = (value: (answer: StartUpAnswer) => number): number[] => answers.map(value);
  return {
    name: 'start-up',
    what: `embedded log with ${cards} cards (5 forms of the number each, group grants, 1,000 doors) → view ready`,
    lines: [
      line(
        'process start → ready',
        's',
        of((a) => a.readyMs / 1_000),
        below(GOAL_S, 's'),
      ),
      line(
        'CPU time until ready',
        's',
        of((a) => a.cpuMs / 1_000),
      ),
      line(
        'resident memory when ready',
        'MiB',
        of((a) => a.rssMiB),
        below(GOAL_MIB, 'MiB'),
      ),
      line(
        'of it its own (RssAnon)',
        'MiB',
        of((a) => a.anonMiB),
      ),
      line(
        'the whole hub: process start → ready',
        's',
        whole.map((a) => a.readyMs / 1_000),
        below(GOAL_S, 's'),
      ),
      line(
        'the whole hub: its own memory (RssAnon)',
        'MiB',
        whole.map((a) => a.anonMiB),
        below(GOAL_MIB, 'MiB'),
      ),
      line(
        'the whole hub: resident',
        'MiB',
        whole.map((a) => a.rssMiB),
      ),
      line(
        'peak resident memory',
        'MiB',
        of((a) => a.peakMiB),
        below(GOAL_MIB, 'MiB'),
      ),
    ],
    notes: [
      'the whole hub: after its stream of cards has rebuilt what was published and read a listing',
      'resident memory counts the pages of the log’s file that LMDB has mapped; the system may take these back',
    ],
  };
}

/** On a copy of the log, which it writes to. */
async function wholeHub(dir: string, rounds: number): Promise<WholeHubAnswer[]> {
  const dataDir = join(CACHE, 'whole-hub');
  const files = join(CACHE, 'whole-hub-files');
  await rm(files, { recursive: true, force: true });
  await mkdir(files, { recursive: true });
  await writeFile(join(files, 'cards.csv'), iconv.encode(HEADER, 'gb18030'));
  await writeFile(join(files, 'doors.csv'), DOORS_HEADER);
  await writeFile(join(files, 'swipes.csv'), SWIPES_HEADER);
  const answers: WholeHubAnswer[] = [];
  for (let round = 0; round < rounds; round++) {
    await rm(dataDir, { recursive: true, force: true });
    await cp(dir, join(dataDir, 'log'), { recursive: true });
    answers.push(await runChild('whole-hub', { dataDir, files } satisfies WholeHubArgument));
  }
  await rm(dataDir, { recursive: true, force: true });
  return answers;
}
