import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { packagePath } from '../hub/package-root.js';
import { startUnderFire, type HubUnderFire } from './hostile/hub.js';

/** The examples in curl, Python and TypeScript, as they stand, against a hub on the campus of the demo (seed 7). */
let hub: HubUnderFire;

beforeAll(async () => {
  hub = await startUnderFire(50, 7, 'doors');
});
afterAll(() => hub.stop());

const run = async (command: string, ...args: string[]): Promise<string> => {
  const options = { cwd: packagePath(), timeout: 30_000 };
  const { stdout, stderr } = await promisify(execFile)(command, [...args, hub.ready.url], options);
  expect(stderr).toBe('');
  return stdout;
};

it('curl', async () => {
  const answers = await run('sh', 'examples/clients/curl.sh');
  expect(answers).toMatch(/"decision":(true|false),"context":\{"reason":"[A-Z_]+"/);
  expect(answers).toContain('"match":true,"state":"NORMAL"');
  expect(answers).toContain('"maskedName":"李*静"');
  expect(answers.match(/"reason":"LIBRARY_NOT_AVAILABLE"/g)).toHaveLength(2);
});

it('Python', async () => {
  const answers = await run('python3', 'examples/clients/cardhub.py');
  expect(answers).toMatch(/^door: (True|False) [A-Z_]+ /m);
  expect(answers).toMatch(/^doors that it opens: \d+$/m);
  expect(answers).toContain("another number: {'match': False}");
  expect(answers).toMatch(/^refused: BAD_REQUEST$/m);
});

it('TypeScript, from the build, as a user of the package has it', async () => {
  const answers = await run(process.execPath, 'dist/examples/clients/client.js');
  expect(answers).toMatch(/^door: (true|false) [A-Z_]+ /m);
  expect(answers).toMatch(/^explained: resource passes, subject passes, card-state passes/m);
  expect(answers).toMatch(/^refused: BAD_REQUEST$/m);
});
