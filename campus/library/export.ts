import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import iconv from 'iconv-lite';
import * as library from '../world/library.js';
import { compact, compactDate } from '../world/time.js';
import type { World } from '../world/world.js';

/**
 * What the library's old desk program writes into a folder: lines of fixed widths in bytes, GBK, with a control total.
 * It cuts a name at 20 bytes, within a character if need be, and writes `?` for what GBK does not have.
 */
export interface DeskFile {
  readonly name: string;
  readonly rows: number;
}

/** Text in exactly so many bytes of GBK, padded on the right. */
function cell(text: string, bytes: number): Buffer {
  const encoded = iconv.encode(text, 'gbk').subarray(0, bytes);
  return Buffer.concat([encoded, Buffer.alloc(bytes - encoded.length, 0x20)]);
}
const digits = (value: number, width: number): string => String(value).padStart(width, '0');
const END = Buffer.from('\r\n');

const readerLine = (
  world: World,
  id: number,
  state: NonNullable<ReturnType<typeof library.patronOf>>,
): Buffer => {
  const row = library.patronRow(world, id, state);
  const date = (text: string | null | undefined): string => (text ?? '').replaceAll('-', '');
  return Buffer.concat([
    ...[cell('1', 1), cell(digits(id, 8), 8), cell(row.cardnumber ?? '', 10), cell(row.userid ?? '', 12)],
    ...[cell(row.surname ?? '', 20), cell(row.category_id ?? '', 4), cell(row.library_id ?? '', 2)],
    ...[cell(date(row.date_enrolled), 8), cell(date(row.expiry_date), 8)],
    ...[cell(row.patron_card_lost ? '1' : '0', 1), cell(row.restricted ? '1' : '0', 1)],
    ...[cell(compact(state.updatedAt), 14), END],
  ]);
};

function* readers(world: World): Generator<Buffer> {
  for (let after = 0; ;) {
    const rows = library.patronsAfter(world, after, 1_000);
    for (const { patron_id: id } of rows) {
      const state = library.patronOf(world, id);
      if (state !== null) yield readerLine(world, id, state);
      after = id;
    }
    if (rows.length === 0) return;
  }
}

const STEPS = [
  ['借', 'outAt'],
  ['续', 'renewedAt'],
  ['还', 'inAt'],
] as const;

/** The steps of all loans that the program still has; of several renewals only the last. */
function* circulation(world: World): Generator<Buffer> {
  for (const { value: loan } of world.store.desk.loans.getRange({})) {
    for (const [word, time] of STEPS) {
      if (loan[time] === 0) continue;
      yield Buffer.concat([
        ...[cell('1', 1), cell(digits(loan.id, 10), 10), cell(digits(loan.patron, 8), 8)],
        ...[cell(digits(loan.item, 10), 10), cell(word, 2), cell(compact(loan[time]), 14)],
        ...[cell(compactDate(loan.dueAt), 8), cell(digits(loan.renewals, 2), 2), cell(loan.branch, 2), END],
      ]);
    }
  }
}

async function write(
  folder: string,
  name: string,
  lines: Iterable<Buffer>,
  torn: boolean,
): Promise<DeskFile> {
  const all = [...lines];
  const total = Buffer.concat([cell(`9${digits(all.length, 10)}`, 11), END]);
  const whole = Buffer.concat([...all, total]);
  const path = join(folder, name);
  // A torn file lies under its name at once, and ends within a line; the control total never came.
  if (torn) await writeFile(path, whole.subarray(0, whole.length - total.length - 9));
  else {
    await writeFile(`${path}.part`, whole);
    await rename(`${path}.part`, path);
  }
  return { name, rows: all.length };
}

/** Writes `READER.TXT` and `CIRC-yyyyMMdd.TXT` as of the campus's now. */
export async function writeDeskExport(
  world: World,
  folder: string,
  torn = false,
): Promise<readonly DeskFile[]> {
  await mkdir(folder, { recursive: true });
  const now = world.clock.now();
  library.hearFromCore(world, now);
  return [
    await write(folder, 'READER.TXT', readers(world), torn),
    await write(folder, `CIRC-${compactDate(now)}.TXT`, circulation(world), torn),
  ];
}
