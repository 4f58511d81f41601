import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import iconv from 'iconv-lite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { codecOf, readPiece, splitRecord, type RawRecord } from './sdk-csv.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cardhub-csv-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function readAll(
  content: Uint8Array,
  encoding: string,
  rowsMax: number,
  recordBytesMax = 4096,
): Promise<RawRecord[]> {
  const path = join(folder, 'f.csv');
  await writeFile(path, content);
  const file = await open(path);
  const format = { encoding, delimiter: ',', recordBytesMax };
  const records: RawRecord[] = [];
  for (let place = { offset: 0, line: 1 }, end = false; !end;) {
    const piece = await readPiece(file, place, rowsMax, format);
    records.push(...piece.records);
    ({ next: place, end } = piece);
  }
  await file.close();
  return records;
}

const cell = fc.oneof(
  fc.constantFrom('', 'a', '第六教学楼[进门]', '19762330', 'x"y', '"', ',', 'a\nb', 'a\r\nb', ' 张三 ', '龥'),
  fc.string({ unit: fc.constantFrom('a', '中', ',', '"', '\n', ' ', '€'), maxLength: 6 }),
);
const quoted = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

describe('reading delimited text', () => {
  it('agrees with csv-parse for any table, encoding, line end and page size', async () => {
    const table = fc.array(fc.array(cell, { minLength: 2, maxLength: 4 }), { minLength: 1, maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(
        table,
        fc.constantFrom('utf-8', 'gb18030', 'utf-16le', 'utf-16be'),
        fc.constantFrom('\n', '\r\n'),
        fc.boolean(),
        fc.integer({ min: 1, max: 5 }),
        async (rows, encoding, eol, lastEol, pageRows) => {
          const text = rows.map((row) => row.map(quoted).join(',')).join(eol) + (lastEol ? eol : '');
          const records = await readAll(iconv.encode(text, encoding), encoding, pageRows);
          const expected = parse(text, { relax_column_count: true, skip_empty_lines: true });
          expect(records.map((record) => record.fields)).toEqual(expected);
          const decoder = new TextDecoder(encoding);
          for (const record of records)
            expect(splitRecord(decoder.decode(record.raw), ',')).toEqual(record.fields);
        },
      ),
      { numRuns: 150 },
    );
  });

  it('says where a line is not valid in its encoding, and reads the lines around it', async () => {
    const bytes = Buffer.concat([Buffer.from('1,a\n2,'), Buffer.from([0xc4]), Buffer.from('\n3,c\n')]);
    for (const encoding of ['utf-8', 'gb18030']) {
      const records = await readAll(bytes, encoding, 10);
      expect(records.map((record) => record.damage?.code)).toEqual([undefined, 'ENCODING', undefined]);
      expect(records[2]?.fields).toEqual(['3', 'c']);
      expect(Buffer.from(records[1]!.raw)).toEqual(Buffer.from([0x32, 0x2c, 0xc4]));
    }
  });

  it('gives up only the first line of a quote that never closes, and a torn one at the end of the file', async () => {
    const rest = Array.from({ length: 100 }, (_, i) => `${i},x`).join('\n');
    const records = await readAll(Buffer.from(`1,"open\n${rest}\n`), 'utf-8', 1000, 256);
    expect(records.map((record) => record.damage?.code).filter(Boolean)).toEqual(['TOO_LARGE']);
    expect(records.length).toBe(101);
    const torn = await readAll(Buffer.from('1,a\n2,"b'), 'utf-8', 10);
    expect(torn[1]?.damage?.code).toBe('TORN_LINE');
  });

  it('skips a line that has no end within any reason, without holding it in memory', async () => {
    const records = await readAll(
      Buffer.concat([Buffer.alloc(3 << 20, 'x'), Buffer.from('\n1,a\n')]),
      'utf-8',
      10,
      1024,
    );
    expect(records.map((record) => record.damage?.code)).toEqual(['TOO_LARGE', undefined]);
    expect(records[0]?.raw.length).toBe(1024);
  });

  it('refuses an encoding that it does not know or that cannot be cut into lines', () => {
    expect(() => codecOf('klingon')).toThrow(/unknown encoding "klingon"/);
    expect(() => codecOf('iso-2022-jp')).toThrow(/unknown encoding/);
  });
});
