import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { Config, SourceConfig } from '../config/types.js';
import type { Observation, Proposal, ProposeOptions } from '../desk/propose.js';
import { CliError } from './errors.js';
import { EXIT, type ExitCode } from './exit-codes.js';
import { addCommand, addGroup, type Call, type Frame } from './frame.js';
import { withReader } from './open-reader.js';
import { dayRange, eachDoorEvent, showRange } from './recorded.js';

interface Options {
  readonly from?: string;
  readonly until?: string;
  readonly out?: string;
  readonly minAllowed: string;
  readonly source?: string;
  readonly force?: boolean;
}

/** `cardhub grants propose`: a file of grants that the recorded swipes show, for a person to review. */
export function register(program: Command, frame: Frame): void {
  const group = addGroup(program, 'grants', { en: 'Rights at doors.', zh: '门禁授权。' });
  addCommand<Options>(group, frame, {
    name: 'propose',
    summary: {
      en: 'Derive grants from observed swipes, as a file to review.',
      zh: '根据刷卡记录推导授权建议，供人工审核。',
    },
    examples: ['cardhub grants propose --from 2019-04-01 --until 2019-04-08 --out grants.csv'],
    more:
      'One grant for each card that was let through at a door at least --min-allowed times. The file has the columns\n' +
      'that access-control/files reads, and beside them the evidence: allowed, refused, first_seen, last_seen.\n' +
      'Take out what is not right, then put the file where that connector reads it. Nothing is granted before.\n' +
      'Without --out the file goes to stdout. 请人工审核后再交给门禁文件连接器读取。',
    options: (command) =>
      command
        .option('--from <day>', 'first day, Asia/Shanghai 起始日（含）')
        .option('--until <day>', 'last day, inclusive 结束日（含）')
        .option('-o, --out <file>', 'write the file here; never over an existing one 输出文件')
        .option('--force', 'write over an existing file 覆盖已有文件')
        .option('--min-allowed <count>', 'fewer allowed swipes are no evidence 最少放行次数', '1')
        .option('--source <name>', 'access-control instance, where there are several 门禁数据源'),
    run: propose,
  });
}

async function propose(call: Call<Options>): Promise<ExitCode> {
  const { frame, out, options } = call;
  const range = dayRange(options.from, options.until);
  const minAllowed = Number(options.minAllowed);
  if (!Number.isInteger(minAllowed) || minAllowed < 1) {
    throw new CliError('USAGE', `--min-allowed: expected a whole number from 1, got ${options.minAllowed}`);
  }
  const config = await call.config();
  const { observeSwipes, proposeGrants, proposalCsv } = await import('../desk/propose.js');
  const target: ProposeOptions = { ...accessSource(config, options.source), minAllowed };
  const observation = observeSwipes(range);
  const progress = out.progress('swipes 刷卡记录');
  let read = 0;
  try {
    await withReader(config, (reader) =>
      eachDoorEvent(reader, frame.signal, (event) => {
        progress.update(++read);
        if (event.source === target.source) observation.add(event);
      }),
    );
  } finally {
    progress.end();
  }
  const proposal = proposeGrants(observation.uses(), target);
  const csv = proposalCsv(proposal.grants);
  if (options.out !== undefined) await save(frame, options.out, csv, options.force === true);
  out.document({
    from: options.from,
    until: options.until,
    source: target.source,
    file: options.out ?? null,
    swipes: observation.swipes,
    unstated: observation.unstated,
    proposed: proposal.grants.length,
    cards: new Set(proposal.grants.map(({ cardKey }) => cardKey)).size,
    left: proposal.left,
    unknown: observation.unknown(),
    ...(options.out === undefined && { grants: proposal.grants }),
  });
  if (options.out !== undefined) show(call, showRange(range), observation, proposal);
  else if (!out.json) frame.stdout.write(csv);
  return EXIT.ok;
}

/** The access-control instance whose doors are proposed, and the core whose card numbers it uses. */
export function accessSource(
  config: Config,
  name: string | undefined,
): { source: string; cardSource: string; mapping: SourceConfig['mapping'] } {
  const found = config.sources.filter(({ connector }) => connector.startsWith('access-control/'));
  const names = found.map((source) => source.name).join(', ');
  const chosen = name === undefined ? found : found.filter((source) => source.name === name);
  const [source] = chosen;
  if (source === undefined) {
    const came = name === undefined ? 'none is configured' : `got ${name}; there are: ${names}`;
    throw new CliError('USAGE', `--source: expected an access-control source; ${came}`);
  }
  if (chosen.length > 1) throw new CliError('USAGE', `--source: expected one of ${names}, got nothing`);
  const cardSource = source.mapping['cardSource'];
  return {
    source: source.name,
    cardSource: typeof cardSource === 'string' ? cardSource : source.name,
    mapping: source.mapping,
  };
}

/** Writes a result beside others; what is there already may be somebody's review. */
export async function save(frame: Frame, file: string, text: string, force: boolean): Promise<void> {
  try {
    await writeFile(resolve(frame.cwd, file), text, { flag: force ? 'w' : 'wx', mode: 0o600 });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== 'EEXIST') throw new CliError('INPUT', `cannot write ${file}: ${message}`, { path: file });
    throw new CliError('USAGE', `${file} is there already; give another name, or --force to write over it`);
  }
}

function show({ out, options }: Call<Options>, days: string, seen: Observation, proposal: Proposal): void {
  const { grants, left } = proposal;
  out.line(`${days}: ${seen.swipes} swipes 刷卡, ${grants.length} grants proposed 条授权建议`);
  const doors = new Map<string, { cards: number; allowed: number; refused: number }>();
  for (const { doorKey, allowed, refused } of grants) {
    const door = doors.get(doorKey) ?? { cards: 0, allowed: 0, refused: 0 };
    doors.set(doorKey, {
      cards: door.cards + 1,
      allowed: door.allowed + allowed,
      refused: door.refused + refused,
    });
  }
  out.table(
    ['door 门', 'grants 授权', 'allowed 放行', 'refused 拒绝'],
    [...doors].map(([key, door]) => [key, ...[door.cards, door.allowed, door.refused].map(String)]),
  );
  out.line(
    `\nNot proposed 未建议: only refused 仅被拒绝 ${left.refusedOnly}, too few 次数不足 ${left.tooFew}, ` +
      `card of another core 其他卡库 ${left.otherCore}, outcome not stated 结果未知 ${seen.unstated}`,
  );
  const unknown = seen.unknown();
  if (unknown.length > 0) {
    out.line('\nNumbers without exactly one card, never proposed 未知或重号卡，不作建议:');
    out.table(
      ['door 门', 'kind 类型', 'numbers 卡号数', 'swipes 刷卡', 'allowed 放行', 'refused 拒绝'],
      unknown.map((use) => [
        use.doorKey,
        use.kind === 'unknown' ? 'unknown 未知' : 'ambiguous 重号',
        ...[use.credentials, use.swipes, use.allowed, use.refused].map(String),
      ]),
    );
  }
  out.line(`\nReview ${options.out ?? ''} before anybody is granted anything. 请先审核该文件，再启用授权。`);
}
