/**
 * The real campus of April 2019 through the command line: sync, sync again, reconcile, propose, shadow. The data
 * is not ours to commit: without the folder (CAMPUS_2019_DIR, default ../shared/data/campus-2019) this is skipped.
 */
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli } from '../hub/cli/program.js';
import { services } from '../hub/cli/services.js';

const DATA = path.resolve(process.env['CAMPUS_2019_DIR'] ?? '../shared/data/campus-2019');
const present = existsSync(path.join(DATA, 'door-swipes.csv'));
if (!present) {
  process.stderr.write(
    `\n*** SKIPPED: the real campus of 2019 is not at ${DATA}; set CAMPUS_2019_DIR ***\n\n`,
  );
}

let folder = '';

/** Runs a command with `--json`; gives its exit code and its document. */
async function cardhub(...args: string[]): Promise<{ exit: number; document: never }> {
  let text = '';
  const frame = {
    env: { CAMPUS_2019_DIR: DATA, CARDHUB_DATA: path.join(folder, 'data') },
    cwd: process.cwd(),
    stdin: (async function* () {})(),
    stdout: { write: (part: string) => (text += part) },
    stderr: { write: () => undefined },
    now: Date.now,
    random: Math.random,
    signal: new AbortController().signal,
    services,
  };
  const exit = await runCli([...args, '-c', 'examples/campus-2019/hub.yaml', '--json'], frame, 'test');
  return { exit, document: JSON.parse(text) as never };
}

describe.skipIf(!present)('the real campus of 2019', () => {
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'cardhub-campus-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('is read whole: nothing quarantined, the known counts of ambiguous, unknown and repeated', async () => {
    const { exit, document } = await cardhub('sync', '--once');
    expect(exit).toBe(0);
    expect(document).toMatchObject({
      balanced: true,
      streams: [
        {
          ...{ source: 'core', stream: 'cards', read: 4_341, published: 4_341, unchanged: 0 },
          ...{ filtered: {}, quarantined: {}, marked: { AMBIGUOUS_CREDENTIAL: 4 } },
        },
        {
          ...{ source: 'gate', stream: 'swipes', read: 22_391, published: 22_391, unchanged: 0 },
          ...{ filtered: {}, quarantined: {} },
          marked: { UNKNOWN_CREDENTIAL: 12_801, AMBIGUOUS_CREDENTIAL: 5, POSSIBLE_REPEAT: 873 },
          records: { 'master.door-event': 22_391, 'master.door': 5 },
        },
      ],
    });
  });

  it('publishes nothing the second time', async () => {
    const { exit, document } = await cardhub('sync', '--once');
    const { streams } = document as { streams: { published: number; records: object }[] };
    expect(exit).toBe(0);
    expect(streams.map(({ published, records }) => ({ published, records }))).toEqual([
      { published: 0, records: {} },
      { published: 0, records: {} },
    ]);
  });

  it('holds in its topics what the books say', async () => {
    expect(await cardhub('reconcile')).toMatchObject({ exit: 0, document: { ok: true } });
  });

  it('shows 778 rights in the first week, and agrees with every swipe of the next where there is evidence', async () => {
    const file = path.join(folder, 'grants.csv');
    const days = ['--from', '2019-04-01', '--until', '2019-04-08'];
    const proposed = await cardhub('grants', 'propose', ...days, '--out', file);
    expect(proposed).toMatchObject({
      exit: 0,
      document: { swipes: 12_467, proposed: 778, left: { refusedOnly: 14, tooFew: 0, otherCore: 0 } },
    });
    const again = await cardhub('grants', 'propose', ...days, '--out', file);
    expect(again).toMatchObject({ exit: 2, document: { error: { code: 'cli.USAGE' } } });
    expect((await readFile(file, 'utf8')).trim().split('\r\n')).toHaveLength(779);

    const rows = path.join(folder, 'rows.csv');
    const week = ['--from', '2019-04-09', '--until', '2019-04-15'];
    const shadow = await cardhub('shadow', ...week, '--grants', file, '--rows', rows);
    expect(shadow).toMatchObject({
      exit: 0,
      document: {
        swipes: 9_924,
        overlaid: 778,
        agreement: {
          knownWithEvidence: { swipes: 4_288, agree: 4_288, bothAllow: 4_284, bothDeny: 4 },
          knownNotSeenHere: { swipes: 165, agree: 37, onlyTheyAllow: 128, onlyWeAllow: 0 },
          unknown: { swipes: 5_468, agree: 279, onlyTheyAllow: 5_189 },
          ambiguous: { swipes: 3, agree: 0, onlyTheyAllow: 3 },
        },
        unknownAdmitted: 974,
        differences: 5_320,
        explanations: [
          { code: 'UNKNOWN_CARD_ADMITTED', swipes: 5_189 },
          { code: 'NEVER_SEEN', swipes: 117 },
          { code: 'NEVER_SEEN_HERE', swipes: 11 },
          { code: 'AMBIGUOUS_CARD_ADMITTED', swipes: 3 },
        ],
      },
    });
    const listed = (await readFile(rows, 'utf8')).trim().split('\r\n').slice(1);
    expect(listed).toHaveLength(5_320);
    expect(listed.slice(0, 5_189).every((row) => row.includes('UNKNOWN_CARD_ADMITTED'))).toBe(true);
  });

  it('publishes no right by proposing or replaying', async () => {
    const { document } = await cardhub('reconcile');
    const { topics } = document as { topics: { topic: string; count: number }[] };
    expect(topics.find(({ topic }) => topic === 'master.access-grant')?.count).toBe(0);
  });
});
