import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { DEFAULT_POLICY_DOCUMENT } from '../decide/default-policy.js';
import { checkPolicy } from './doctor-log.js';

const dir = mkdtempSync(join(tmpdir(), 'cardhub-doctor-log-'));
afterAll(() => rmSync(dir, { recursive: true }));

test('a policy that would not start the hub fails with what is wrong in it', () => {
  const path = join(dir, 'policy.yaml');
  expect(checkPolicy(path)).toMatchObject({ state: 'fail', detail: 'expected a readable file; got ENOENT' });
  writeFileSync(path, JSON.stringify(DEFAULT_POLICY_DOCUMENT));
  expect(checkPolicy(path)).toMatchObject({
    state: 'ok',
    detail: expect.stringMatching(/^version .* compiles$/) as string,
  });
  writeFileSync(path, JSON.stringify({ ...DEFAULT_POLICY_DOCUMENT, purposes: 7 }));
  expect(checkPolicy(path)).toMatchObject({
    state: 'fail',
    detail: expect.stringContaining('purposes') as string,
  });
  writeFileSync(path, 'a: [');
  expect(checkPolicy(path)).toMatchObject({ state: 'fail', todo: 'correct the policy there' });
});
