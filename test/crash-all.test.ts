import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { isExact } from './crash/contents.js';
import { runWhole } from './crash/whole.js';
import { describeDatabase } from './databases/available.js';

/** The short form of `npm run crash -- --all`. */
const CI = { people: 50, kills: 2, notices: 4, seed: 20_260_910, pageRows: 20, paceMs: 2 };

describeDatabase('PostgreSQL', 'all systems of the campus, with hub and sink killed', () => {
  it('the topics are those of an uninterrupted run, and the tables those of the topics', async () => {
    const report = await runWhole({ ...CI, dir: join(tmpdir(), `cardhub-crash-all-${randomUUID()}`) });
    expect(report.topics.filter((topic) => !isExact(topic))).toEqual([]);
    expect(report.tableDifferences).toEqual([]);
    expect(report.sequenceFaults).toEqual([]);
    expect(report).toMatchObject({ kills: CI.kills, streams: 29, lost: 0, twice: 0, publishedAgain: 0 });
    expect(report.tableRows).toBeGreaterThan(400);
    expect(report).toMatchObject({ reconciled: true, ok: true });
  });
});
