import { expect, it } from 'vitest';
import { passwordMatches } from '../sip2/password.js';
import type { Frame } from './frame.js';
import { runCli } from './program.js';

async function hash(input: string, ...options: string[]) {
  let out = '';
  let err = '';
  const frame = {
    env: {},
    cwd: '.',
    stdin: (async function* () {
      yield input;
    })(),
    stdout: { write: (text: string) => ((out += text), true), isTTY: false },
    stderr: { write: (text: string) => ((err += text), true), isTTY: false },
    now: () => 0,
    random: () => 0,
    signal: new AbortController().signal,
    services: { connectors: async () => [] },
  } as unknown as Frame;
  return { exit: await runCli(['sip2', 'hash', ...options], frame, '0.0.0'), out, err };
}

it('sip2 hash turns the first line of stdin into a hash that the desk server takes', async () => {
  const { exit, out } = await hash('open sesame\nsecond line\n');
  expect(exit).toBe(0);
  expect(out).not.toContain('sesame');
  expect(await passwordMatches('open sesame', out.trim())).toBe(true);
  const json = JSON.parse((await hash('open sesame', '--json')).out) as { passwordHash: string };
  expect(await passwordMatches('open sesame', json.passwordHash)).toBe(true);
});

it('sip2 hash refuses what no desk could send, without repeating it', async () => {
  for (const input of ['', 'short', 'with|a bar in it', 'x'.repeat(2_000)]) {
    const { exit, err, out } = await hash(`${input}\n`);
    expect(exit).toBe(2);
    expect(err + out).not.toContain('bar in it');
  }
});
