import { copyFile, mkdir, rename } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type { Command } from 'commander';
import type { RoomMapOptions } from '../../connectors/power/room-map.js';
import type { PowerRoom, Quarantine, RoomXref } from '../../contracts/types.js';
import type { Config, SourceConfig } from '../config/types.js';
import type { RoomReport } from '../desk/rooms.js';
import { CliError } from './errors.js';
import { EXIT, type ExitCode } from './exit-codes.js';
import { addCommand, addGroup, type Call, type Frame } from './frame.js';
import { withReader, type LogReader } from './open-reader.js';

interface ImportOptions {
  readonly check?: boolean;
}
interface ReportOptions {
  readonly on?: string;
}

const ROOM_MAP = 'power/room-map';
const SHOWN = 20;

/** `cardhub rooms import|report`: the mapping table of rooms. */
export function register(program: Command, frame: Frame): void {
  const group = addGroup(program, 'rooms', { en: 'Room codes of power vendors.', zh: '房间编码对照。' });
  addCommand<ImportOptions>(group, frame, {
    name: 'import <file>',
    summary: {
      en: 'Check a mapping table and put it where the hub reads it.',
      zh: '检查房间对照表并交给系统读取。',
    },
    examples: ['cardhub rooms import rooms.csv', 'cardhub rooms import rooms.csv --check'],
    more:
      'The columns are code_system, vendor_room, room_id, campus, building, name, valid_from, valid_until.\n' +
      'The file must be the whole table: what it lacks is closed once the next table lacks it too.\n' +
      'A table with a line that cannot be read, or with two rooms for one code on one day, is refused.',
    options: (command) => command.option('--check', 'only check it 只检查，不导入'),
    run: importTable,
  });
  addCommand<ReportOptions>(group, frame, {
    name: 'report',
    summary: {
      en: 'Tell which rooms are unmapped, mapped twice, or gone.',
      zh: '列出未对照、重复对照和已消失的房间。',
    },
    examples: ['cardhub rooms report', 'cardhub rooms report --on 2026-09-01 --json'],
    more: 'Exit code 1: something is open.',
    options: (command) => command.option('--on <day>', 'as of this day, default today 日期，默认今天'),
    run: report,
  });
}

function tableSource(config: Config): SourceConfig & { options: RoomMapOptions } {
  const source = config.sources.find(({ connector }) => connector === ROOM_MAP);
  if (source === undefined)
    throw new CliError('USAGE', `no source of ${config.path} has the connector ${ROOM_MAP}`);
  return source;
}

async function importTable(call: Call<ImportOptions>): Promise<ExitCode> {
  const config = await call.config();
  const source = tableSource(config);
  const file = resolve(call.frame.cwd, call.args[0] ?? '');
  const { lines, refused } = await readTable(call, source, file);
  const { everMappedTwice } = await import('../desk/rooms.js');
  const twice = everMappedTwice(lines);
  const isSound = lines.length > 0 && refused.length === 0 && twice.length === 0;
  const target = isSound && call.options.check !== true ? await place(call, config, source, file) : null;
  call.out.document({ file, lines: lines.length, refused, mappedTwice: twice, imported: target });
  call.out.line(
    `${lines.length} lines 行, ${refused.length} refused 无法识别, ${twice.length} codes mapped twice 重复对照`,
  );
  for (const { row, reason } of refused.slice(0, SHOWN)) call.out.line(`  ${row}: ${reason}`);
  for (const { codeSystem, vendorRoom, roomIds } of twice.slice(0, SHOWN))
    call.out.line(`  ${codeSystem} ${vendorRoom}: ${roomIds.join(', ')}`);
  if (target !== null) call.out.line(`Imported as 已导入 ${target}`);
  else if (!isSound) call.out.line('Refused: put the table right first. 未导入，请先更正对照表。');
  return isSound ? EXIT.ok : EXIT.no;
}

interface Table {
  readonly lines: readonly RoomXref[];
  readonly refused: readonly { readonly row: string; readonly reason: string }[];
}

/** Reads the file as the connector would, and maps its lines as the hub would. */
async function readTable(
  call: Call<object>,
  source: SourceConfig & { options: RoomMapOptions },
  file: string,
): Promise<Table> {
  const [{ roomMap }, { kinds }, { Ajv2020 }, { ConnectorError }] = await Promise.all([
    import('../../connectors/power/room-map.js'),
    import('../../transforms/kinds.js'),
    import('ajv/dist/2020.js'),
    import('../../connectors/sdk.js'),
  ]);
  const options = { ...source.options, folder: dirname(file), pattern: basename(file), complete: 'always' };
  const { now, random, signal } = call.frame;
  const context = {
    source: source.name,
    now,
    random,
    baseDir: call.frame.cwd,
    once: true,
    note: () => undefined,
  };
  const connector = roomMap.open(options, context);
  const stream = connector.stream('rooms');
  const valid = new Ajv2020({ strict: false }).compile(stream.spec.rowSchema);
  const lines: RoomXref[] = [];
  const refused: Table['refused'][number][] = [];
  try {
    for (let cursor: Parameters<typeof stream.snapshotPage>[0] = null, more = true; more;) {
      const page = await stream.snapshotPage(cursor, signal);
      for (const row of page.rows) {
        const mapped =
          row.damage === undefined && valid(row.data)
            ? kinds['room-xref'].map(row.data, { source: source.name, asOf: page.asOf } as never)
            : null;
        if (mapped?.kind === 'records') lines.push(mapped.records[0]?.value as RoomXref);
        else
          refused.push({
            row: row.at,
            reason: mapped === null ? (row.damage?.code ?? 'SCHEMA') : `${mapped.reason} ${mapped.path}`,
          });
      }
      cursor = page.next;
      more = page.state === 'more';
    }
  } catch (error) {
    if (error instanceof ConnectorError) throw new CliError('INPUT', error.message, { path: file });
    throw error;
  } finally {
    await connector.close();
  }
  return { lines, refused };
}

/** Copies the table into the source's folder under a name that stands behind the earlier ones. */
async function place(
  call: Call<object>,
  config: Config,
  source: SourceConfig & { options: RoomMapOptions },
  file: string,
): Promise<string> {
  const { folder = '.', pattern = '*.csv', newest = 'name' } = source.options;
  if (pattern.split('*').length !== 2 || pattern.includes('?') || newest !== 'name') {
    throw new CliError(
      'USAGE',
      `sources.${source.name}.options: import needs a pattern with one * and newest: name; put the file there by hand`,
    );
  }
  const stamp = new Date(call.frame.now()).toISOString().replaceAll(/[-:]|\.\d+/g, '');
  const directory = resolve(config.baseDir, folder);
  const target = join(directory, pattern.replace('*', `room-map-${stamp}`));
  await mkdir(directory, { recursive: true });
  // Whole or not at all: the hub may look at any moment.
  const part = join(directory, `.${basename(target)}.part`);
  await copyFile(file, part);
  await rename(part, target);
  return target;
}

async function report(call: Call<ReportOptions>): Promise<ExitCode> {
  const config = await call.config();
  const [{ reportRooms }, { businessDate, formatDate, parseDate }] = await Promise.all([
    import('../desk/rooms.js'),
    import('../../transforms/time.js'),
  ]);
  const { on } = call.options;
  const parsed =
    on === undefined ? { ok: true as const, days: businessDate(call.frame.now()) } : parseDate(on);
  if (!parsed.ok) throw new CliError('USAGE', `--on: ${parsed.detail}`);
  const systems = new Map(
    config.sources
      .filter(({ connector }) => connector.startsWith('power/') && connector !== ROOM_MAP)
      .map(
        ({ name, mapping: { roomSystem } }) =>
          [name, typeof roomSystem === 'string' ? roomSystem : name] as const,
      ),
  );
  const found = await withReader(config, async (reader) => ({
    lines: await newest<RoomXref>(reader, 'master.room-xref'),
    rooms: await newest<PowerRoom>(reader, 'master.power-room'),
    refused: await newest<Quarantine>(reader, 'hub.quarantine'),
    systems,
  }));
  const result = reportRooms(found, parsed.days);
  call.out.document({ on: formatDate(parsed.days), ...result });
  show(call, result);
  const open = [result.unmapped, result.mappedTwice, result.sharedRooms, result.gone];
  return open.every((list) => list.length === 0) ? EXIT.ok : EXIT.no;
}

async function newest<T>({ log, codec }: LogReader, topic: string): Promise<T[]> {
  const found = new Map<string, T>();
  for await (const batch of log.read({ topic, until: 'end' })) {
    for (const { key, value } of batch.records) {
      if (value === null) found.delete(key);
      else found.set(key, codec.decode(topic, value) as T);
    }
  }
  return [...found.values()];
}

function show({ out }: Call<ReportOptions>, result: RoomReport): void {
  out.line(`${result.lines} lines in force 有效对照, ${result.mapped} rooms published 已发布房间`);
  const part = (title: string, rows: readonly string[]): void => {
    out.line(`\n${title}: ${rows.length}`);
    for (const row of rows.slice(0, SHOWN)) out.line(`  ${row}`);
    if (rows.length > SHOWN) out.line(`  … ${rows.length - SHOWN} more (--json)`);
  };
  part(
    'Unmapped 未对照',
    result.unmapped.map(({ codeSystem, vendorRoom, stream }) => `${codeSystem} ${vendorRoom} (${stream})`),
  );
  part(
    'Mapped twice 重复对照',
    result.mappedTwice.map(
      ({ codeSystem, vendorRoom, roomIds }) => `${codeSystem} ${vendorRoom} → ${roomIds.join(', ')}`,
    ),
  );
  part(
    'One room, several codes 一房多码',
    result.sharedRooms.map(
      ({ codeSystem, roomId, vendorRooms }) => `${codeSystem} ${roomId} ← ${vendorRooms.join(', ')}`,
    ),
  );
  part(
    'Gone at the vendor 厂商已无此房间',
    result.gone.map(({ codeSystem, vendorRoom, roomId }) => `${codeSystem} ${vendorRoom} → ${roomId}`),
  );
  if (result.unused.length > 0) part('Code systems of no source 无数据源的编码体系', result.unused);
}
