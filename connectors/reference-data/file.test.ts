import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connectorContract } from '../connector.contract.js';
import type { ConnectorContext } from '../sdk.js';
import { referenceData } from './file.js';

const never = new AbortController().signal;
const SOURCE = new URL('../../examples/qau/service-points.json', import.meta.url);
const context = (baseDir: string): ConnectorContext => ({
  source: 'page',
  now: () => 0,
  random: () => 0.5,
  baseDir,
  note: () => undefined,
});
let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'cardhub-reference-'));
  await copyFile(SOURCE, join(dir, 'points.json'));
});
afterEach(() => rm(dir, { recursive: true }));

connectorContract('reference-data/file', {
  rows: { 'service-points': 16 },
  pageRowsMax: 5,
  async open() {
    const connector = referenceData.open({ file: 'points.json', pageRows: 5 }, context(dir));
    return { connector, dispose: () => Promise.resolve() };
  },
});

describe('a file of reference data', () => {
  const points = () =>
    referenceData.open({ file: 'points.json', pageRows: 5 }, context(dir)).stream('service-points');

  it('has every place and telephone that the page names, with page and date', async () => {
    const text = await readFile(SOURCE, 'utf8');
    for (const number of ['58957231', '58957245', '58957639', '58958088']) expect(text).toContain(number);
    for (const place of ['生物楼N区1楼', '东苑6号楼105', '文经楼南区1楼', '明德楼1楼服务大厅']) {
      expect(text).toContain(place);
    }
    const { rows } = await points().snapshotPage(null, never);
    expect(rows[0]?.data).toMatchObject({ id: 'fee-and-card-centre', originDate: '2023-07-03' });
  });

  it('that changes while it is listed is listed from its start', async () => {
    const stream = points();
    const first = await stream.snapshotPage(null, never);
    const document = JSON.parse(await readFile(SOURCE, 'utf8')) as { servicePoints: object[] };
    const fewer = { ...document, servicePoints: document.servicePoints.slice(1) };
    await writeFile(join(dir, 'points.json'), JSON.stringify(fewer));
    const again = await stream.snapshotPage(first.next, never);
    expect(again.rows[0]?.id).toBe('card-office');
    expect(again.listing).not.toBe(first.listing);
  });

  it.each([
    ['{"servicePoints": [{"id": "a"}, {"id": "a"}]}', /"a" stands twice/],
    ['[]', /expected \{"origin"/],
    ['{"servicePoints": [1]}', /expected objects/],
    ['{', /not JSON/],
  ])('that is not what it should be is refused whole: %s', async (text, message) => {
    await writeFile(join(dir, 'points.json'), text);
    await expect(points().snapshotPage(null, never)).rejects.toThrow(message);
  });

  it('that is not there says which option to look at', async () => {
    const connector = referenceData.open({ file: 'other.json' }, context(dir));
    expect(await connector.check(never)).toMatchObject([{ ok: false }]);
    await expect(connector.stream('service-points').snapshotPage(null, never)).rejects.toThrow(/option file/);
  });
});
