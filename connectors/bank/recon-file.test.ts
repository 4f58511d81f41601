import iconv from 'iconv-lite';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FIXED_BYTES, parseReconFile, type Layout } from './recon-file.js';
import type { FileFault } from './rows.js';

const cell = (text: string, width: number): Buffer => {
  const bytes = iconv.encode(text, 'gb18030');
  return Buffer.concat([bytes, Buffer.alloc(Math.max(0, width - bytes.length), 0x20)]);
};
const fixed = (reference: string, name: string, fen = 100): Buffer =>
  Buffer.concat([
    ...[cell(reference, 20), cell(`L${reference}`, 20), cell('20260909', 8), cell('20260909225959', 14)],
    ...[cell('6222000011112222333', 21), cell('', 21), cell('20990001', 16)],
    ...[cell(String(fen).padStart(12, '0'), 12), cell(name, 30), cell('404101', 6), cell('00001', 5)],
    Buffer.from('\r\n'),
  ]);
const parse = (bytes: Buffer, layout: Layout, faults: FileFault[] = []) =>
  parseReconFile(bytes, { settleDate: '20260909', digest: 'd', layout, encoding: 'gb18030', faults });
const good = (file: ReturnType<typeof parse>) =>
  file.entries.flatMap((one) => (one.kind === 'row' ? one.row : []));

describe('a reconciliation file', () => {
  it('counts bytes: wide names do not move the columns after them', () => {
    const { file, entries } = parse(
      Buffer.concat([fixed('1', '测试甲'), fixed('2', 'Li Na'), fixed('3', '阿依古丽·买买提')]),
      'fixed',
    );
    expect(FIXED_BYTES).toBe(173);
    expect(file).toMatchObject({ rows: 3, fen: 300, faults: [] });
    for (const entry of entries) {
      expect(entry).toMatchObject({
        kind: 'row',
        row: { code: '404101', terminal: '00001', amountFen: '000000000100' },
      });
    }
  });

  it('is decoded before it is split at bars: a GBK trail byte may be one', () => {
    // 鄚 is FA 7C in GBK: its second byte is the bar.
    const text = '301452|20260909|1\r\n404101|鄚|20260909|010203|B1|L1|0000|20990001|5000\r\n';
    const bytes = iconv.encode(text, 'gb18030');
    expect([...bytes].filter((byte) => byte === 0x7c).length).toBeGreaterThanOrEqual(10);
    const file = parse(bytes, 'pipe');
    expect(file.file).toMatchObject({ rows: 1, statedRows: 1, fen: 5000, faults: [] });
    expect(good(file)).toMatchObject([{ bankReference: 'B1', cardReference: 'L1', time: '20260909010203' }]);
  });

  it('without rows is whole when its total says so', () => {
    expect(parse(Buffer.from('0|0\r\n'), 'total').file).toMatchObject({ rows: 0, statedRows: 0, faults: [] });
    expect(parse(Buffer.from(''), 'fixed').file).toMatchObject({ rows: 0, faults: [] });
    expect(parse(Buffer.from(''), 'total').file.faults).toEqual(['HEADER']);
  });

  it('keeps what came before it was known, and marks rows of another day', () => {
    const other = parseReconFile(fixed('1', 'a'), {
      ...{ settleDate: '20260910', digest: 'd', layout: 'fixed' as const },
      ...{ encoding: 'gb18030' as const, faults: ['LATE' as const] },
    });
    expect(other.file.faults).toEqual(['LATE', 'OTHER_DAY']);
  });

  it('cut anywhere, never loses a row in silence, and keeps no account number of a torn one', () => {
    const references = ['1', '2', '3', '4'];
    const rows = references.map((reference) => fixed(reference, '测试'));
    const whole = Buffer.concat([Buffer.from('4|400\r\n'), ...rows]);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: whole.length - 1 }), (at) => {
        const { file, entries } = parse(whole.subarray(0, at), 'total');
        // Only the last line feed may be missing without a loss.
        if (file.rows < 4) expect(file.faults.length).toBeGreaterThan(0);
        for (const entry of entries) {
          if (entry.kind === 'damaged') expect(entry.raw.toString('latin1')).not.toMatch(/\d{12}/);
        }
      }),
    );
  });

  it('of any bytes is read without an error', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 600 }),
        fc.constantFrom<Layout>('fixed', 'pipe', 'total'),
        (bytes, layout) => {
          const { entries } = parse(Buffer.from(bytes), layout);
          expect(entries.length).toBeLessThanOrEqual(600);
        },
      ),
    );
  });
});
