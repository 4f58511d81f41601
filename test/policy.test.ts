/** Policies through the command line: switched, refused, rolled back, and tried on real swipes. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEFAULT_POLICY_DOCUMENT } from '../hub/decide/default-policy.js';
import { cardhub } from './cardhub.js';

const DATA = path.resolve(process.env['CAMPUS_2019_DIR'] ?? '../shared/data/campus-2019');
const present = existsSync(path.join(DATA, 'door-swipes.csv'));

let dir = '';
beforeAll(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'cardhub-policy-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function policyFile(name: string, change: object): string {
  const file = path.join(dir, name);
  writeFileSync(file, JSON.stringify({ ...DEFAULT_POLICY_DOCUMENT, ...change }));
  return file;
}

describe('a policy', () => {
  it('is switched on, keeps its version for ever, and is rolled back in one command', async () => {
    const config = path.join(dir, 'hub.yaml');
    writeFileSync(
      config,
      `version: 1
tenant: qau
data: ${path.join(dir, 'data')}
sources:
  core: { connector: card-core/files, options: { folder: ${dir}, pattern: none.csv, columns: { cardno: C } } }
`,
    );
    const run = (...args: string[]) => cardhub({}, 'policy', ...args, '-c', config);
    const first = policyFile('first.json', { version: 'first' });
    const second = policyFile('second.json', { version: 'second', ttl: { allowMs: 0 } });
    expect(await run('switch', first)).toMatchObject({ exit: 0, document: { version: 'first', from: null } });
    expect(await run('switch', second)).toMatchObject({ document: { version: 'second', from: 'first' } });
    expect(await run('switch', second)).toMatchObject({ exit: 0, document: { written: false } });
    const changed = policyFile('changed.json', { version: 'first', ttl: { allowMs: 5 } });
    expect(await run('switch', changed)).toMatchObject({ exit: 2 });
    expect(await run('rollback')).toMatchObject({ exit: 0, document: { version: 'first', from: 'second' } });
    const { document } = await run('list');
    const { policies } = document as { policies: { policyVersion: string }[] };
    expect(policies.map(({ policyVersion }) => policyVersion)).toEqual(['first', 'second', 'first']);
  });

  it('whose table does not hold is not switched on', async () => {
    const file = policyFile('wrong.json', { version: 'wrong' });
    writeFileSync(path.join(dir, 'wrong.tests.yaml'), 'cases: [{ name: no, expect: DENY_TIME }]');
    expect(await cardhub({}, 'policy', 'test', file)).toMatchObject({
      exit: 1,
      document: { failed: [{ name: 'no', came: 'ALLOW' }] },
    });
    expect((await cardhub({}, 'policy', 'switch', file)).exit).toBe(2);
  });

  it.skipIf(!present)(
    'is tried on the real swipes of a week: which answers change, for whom, where',
    async () => {
      const env = { CAMPUS_2019_DIR: DATA, CARDHUB_DATA: path.join(dir, 'campus') };
      const run = (...args: string[]) => cardhub(env, ...args, '-c', 'examples/campus-2019/hub.yaml');
      expect((await run('sync', '--once')).exit).toBe(0);
      const rules = [{ id: 'all-may', effect: 'permit', resource: { type: 'door' } }];
      const file = policyFile('open.json', { version: 'open', rules });
      const days = ['--from', '2019-04-09', '--until', '2019-04-15'];
      const { exit, document } = await run('policy', 'diff', file, ...days);
      expect(exit).toBe(0);
      // Without published grants every known card is refused now; the rule lets all of them in.
      expect(document).toMatchObject({ swipes: 9_924, newlyDenied: 0, newlyAllowed: 4_453, doors: 5 });
      const { groups } = document as { groups: { before: string; after: string }[] };
      expect(groups[0]).toMatchObject({ before: 'DENY_NO_RIGHT', after: 'ALLOW', doorClass: 'TURNSTILE' });
      expect(readFileSync(file, 'utf8')).toContain('all-may');
    },
  );
});
