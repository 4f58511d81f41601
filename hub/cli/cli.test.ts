import iconv from 'iconv-lite';
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { ConnectorFactory, ConnectorSpec } from '../../connectors/sdk.js';
import { ConnectorError } from '../../connectors/sdk.js';
import { loadConfig } from '../config/load.js';
import type { Services } from './frame.js';
import { displayWidth, formatTable } from './output.js';
import { runCli } from './program.js';

const files: ConnectorSpec = {
  kind: 'card-core/files',
  title: { en: 'Card core, files', zh: '卡务系统（文件）' },
  summary: '',
  quirks: [],
  streams: [],
  options: {
    type: 'object',
    additionalProperties: false,
    required: ['folder', 'pattern'],
    properties: {
      folder: { type: 'string' },
      pattern: { type: 'string' },
      encoding: { type: 'string', default: 'utf-8' },
      delimiter: { type: 'string', default: ',' },
      columns: { type: 'object' },
      marker: { type: 'string', default: '.ok', description: 'Lies beside\n a file that is whole.' },
    },
  },
};
const gateway: ConnectorSpec = {
  ...files,
  kind: 'card-core/gateway',
  options: {
    type: 'object',
    additionalProperties: false,
    required: ['url', 'appKey'],
    properties: {
      url: { type: 'string', format: 'uri', description: 'Address.' },
      appKey: { type: 'string', writeOnly: true, minLength: 4 },
      limits: { type: 'object', default: { rate: 5 } },
    },
  },
};

function factory(spec: ConnectorSpec, skewMs = 0, error?: Error): ConnectorFactory {
  return {
    spec,
    open: () => ({
      spec,
      check: async () => {
        if (error !== undefined) throw error;
        return [{ name: 'login', ok: true, detail: 'token received' }];
      },
      stream: () => {
        throw new Error('not used');
      },
      clockSkewMs: async () => skewMs,
      close: async () => undefined,
    }),
  };
}

interface Ran {
  exit: number;
  stdout: string;
  stderr: string;
}

interface Setting {
  cwd?: string;
  stdin?: string;
  env?: Record<string, string>;
  services?: Partial<Services>;
  aborted?: boolean;
}

async function run(argv: readonly string[], setting: Setting = {}): Promise<Ran> {
  let stdout = '';
  let stderr = '';
  const stop = new AbortController();
  if (setting.aborted === true) stop.abort();
  const exit = await runCli(
    argv,
    {
      env: setting.env ?? {},
      cwd: setting.cwd ?? mkdtempSync(join(tmpdir(), 'cardhub-cli-')),
      stdin: (async function* () {
        yield Buffer.from(setting.stdin ?? '');
      })(),
      stdout: { write: (text) => (stdout += text) },
      stderr: { write: (text) => (stderr += text) },
      now: () => Date.UTC(2026, 2, 1),
      random: () => 0.5,
      signal: stop.signal,
      services: { connectors: async () => [factory(files), factory(gateway)], ...setting.services },
    },
    '0.0.0',
  );
  return { exit, stdout, stderr };
}

function folderWith(config: string): string {
  const cwd = mkdtempSync(join(tmpdir(), 'cardhub-cli-'));
  writeFileSync(join(cwd, 'hub.yaml'), config);
  return cwd;
}

const HUB = `version: 1
tenant: qau
sources:
  core: { connector: card-core/gateway, options: { url: 'http://127.0.0.1:1/', appKey: abcd } }
`;

test('every command has an example and a Chinese line in its help', async () => {
  const openDecider = async () => ({ decide: async () => ({}), close: async () => undefined });
  const commands = [
    ['init'],
    ['decide'],
    ['reader', 'learn'],
    ['connector', 'list'],
    ['connector', 'check'],
    ['doctor'],
  ];
  for (const command of commands) {
    const { exit, stdout } = await run([...command, '--help'], { services: { openDecider } });
    expect([command, exit]).toEqual([command, 0]);
    expect(stdout).toMatch(new RegExp(`Example 示例:\\n  \\$ .*${command.join(' ')}`));
    expect(stdout).toMatch(/--config[^]*--json/);
    expect(stdout).toMatch(/。\n/);
  }
  expect((await run(['--help'])).stdout).toContain('Exit codes 退出码');
  expect(await run(['--version'])).toMatchObject({ exit: 0, stdout: '0.0.0\n' });
});

test('a mistyped command or option ends with 2, as one JSON document when JSON was asked for', async () => {
  expect((await run(['docter'])).exit).toBe(2);
  const { exit, stdout } = await run(['doctor', '--jsno', '--json']);
  expect(exit).toBe(2);
  expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'cli.USAGE' } });
});

test('a wrong configuration shows every problem with its place, and ends with 2', async () => {
  const cwd = folderWith(HUB.replace('tenant', 'tenent') + 'facade: { port: x }\n');
  const { exit, stderr, stdout } = await run(['doctor'], { cwd });
  expect(exit).toBe(2);
  expect(stdout).toBe('');
  expect(stderr).toContain('hub.yaml:2:1 tenent');
  expect(stderr).toContain('did you mean "tenant"?');
  expect(stderr).toContain('hub.yaml:5:17 facade.port');
  expect(stderr).toContain('配置文件有误');
  const asJson = await run(['doctor', '--json'], { cwd });
  const parsed = JSON.parse(asJson.stdout) as { error: { problems: unknown[] } };
  expect(parsed.error.problems).toHaveLength(3);
});

test.each([
  [['demo', '--for', 'x'], '--for'],
  [['demo', '--port', '65536'], '--port'],
  [['demo', '--people', '1e3'], '--people'],
  [['bridge', 'uhppote', '--listen', 'localhost:60001'], '--listen'],
])('%j is refused before anything is made', async (argv, option) => {
  const cwd = folderWith(HUB);
  const { exit, stdout, stderr } = await run(argv, { cwd });
  expect([exit, stdout]).toEqual([2, '']);
  expect(stderr).toContain(option);
  expect(readdirSync(cwd)).toEqual(['hub.yaml']);
});

test('the bridge without a token says which variable holds it', async () => {
  const { exit, stderr } = await run(['bridge', 'uhppote', '--listen', '127.0.0.1:0'], {
    cwd: folderWith(HUB),
  });
  expect([exit, stderr]).toEqual([2, expect.stringContaining('CARDHUB_TOKEN')]);
});

test('connector list and check', async () => {
  expect((await run(['connector', 'list'])).stdout).toContain('卡务系统（文件）');
  const cwd = folderWith(HUB);
  expect(await run(['connector', 'check'], { cwd })).toMatchObject({
    exit: 0,
    stdout: expect.stringContaining('token') as string,
  });
  expect(await run(['connector', 'check', 'cor'], { cwd })).toMatchObject({ exit: 2 });
  const refused = new ConnectorError('AUTH', 'code 40014', 'never');
  const services = { connectors: async () => [factory(gateway, 0, refused)] };
  const { exit, stdout } = await run(['connector', 'check', 'core', '--json'], { cwd, services });
  expect(exit).toBe(3);
  expect(JSON.parse(stdout)).toEqual({
    ok: false,
    sources: [{ source: 'core', checks: [{ name: 'check', ok: false, detail: 'code 40014' }] }],
  });
});

test('an interrupted command ends with 5', async () => {
  const openDecider = async (_: unknown, { signal }: { signal: AbortSignal }) => {
    signal.throwIfAborted();
    return { decide: async () => ({}), close: async () => undefined };
  };
  expect(
    await run(['decide'], { cwd: folderWith(HUB), services: { openDecider }, aborted: true }),
  ).toMatchObject({ exit: 5 });
});

test('init from a GBK export guesses its columns, and what it writes loads', async () => {
  const cwd = mkdtempSync(join(tmpdir(), 'cardhub-cli-'));
  writeFileSync(
    join(cwd, '卡.csv'),
    iconv.encode('卡号,学工号,姓名,性别,门禁卡号,宿舍\r\n1,2,张三,男,4,5\r\n', 'gbk'),
  );
  const { exit, stdout } = await run(['init', '--from', '卡.csv', '--tenant', 'qau', '--json'], { cwd });
  expect(exit).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    written: 'hub.yaml',
    files: [
      {
        encoding: 'gb18030',
        delimiter: ',',
        kind: 'cards',
        unknown: ['宿舍'],
        columns: { sno: '学工号', accessno: '门禁卡号' },
      },
    ],
  });
  const loaded = loadConfig(join(cwd, 'hub.yaml'), { env: {}, specs: [files] });
  expect(loaded).toMatchObject({
    ok: true,
    config: { tenant: 'qau', sources: [{ name: 'core', options: { folder: '.', pattern: '卡.csv' } }] },
  });
  expect(await run(['init', '--from', '卡.csv'], { cwd })).toMatchObject({
    exit: 2,
    stderr: expect.stringContaining('FILE_EXISTS') as string,
  });
  expect(await run(['init', '--from', '卡.csv', '--force'], { cwd })).toMatchObject({ exit: 0 });
});

test('init from a connector names the variables to set, and comments out what is optional', async () => {
  const cwd = mkdtempSync(join(tmpdir(), 'cardhub-cli-'));
  const { exit, stdout } = await run(
    ['init', '--connector', 'card-core/gateway', '--connector', 'card-core/gateway'],
    { cwd },
  );
  expect(exit).toBe(0);
  expect(stdout).toContain('CORE_APP_KEY, CORE_2_APP_KEY');
  expect(readFileSync(join(cwd, 'hub.yaml'), 'utf8')).toContain('      # limits:\n      #   rate: 5\n');
  const env = { CORE_APP_KEY: 'abcd', CORE_2_APP_KEY: 'efgh' };
  expect(loadConfig(join(cwd, 'hub.yaml'), { env, specs: [gateway] })).toMatchObject({ ok: true });
});

test('init refuses a file without a header, and one that lacks the card number', async () => {
  const cwd = mkdtempSync(join(tmpdir(), 'cardhub-cli-'));
  writeFileSync(join(cwd, 'a.csv'), '姓名,性别\n');
  writeFileSync(join(cwd, 'b.csv'), Buffer.from([0, 1, 2, 3]));
  expect(await run(['init', '--from', 'a.csv'], { cwd })).toMatchObject({
    exit: 2,
    stderr: expect.stringContaining('cardno') as string,
  });
  expect(await run(['init', '--from', 'b.csv'], { cwd })).toMatchObject({ exit: 2 });
  expect(await run(['init', '--from', 'c.csv'], { cwd })).toMatchObject({
    exit: 2,
    stderr: expect.stringContaining('ENOENT') as string,
  });
  expect(await run(['init', '--connector', 'x'], { cwd })).toMatchObject({ exit: 2 });
});

test('decide tells a line that is no request so, and answers the next', async () => {
  const { RequestRefused } = await import('../run/decider.js');
  const openDecider = async () => ({
    decide: async (request: unknown) => {
      if (!('subject' in (request as object))) throw new RequestRefused('subject: expected an object');
      return { decision: true };
    },
    close: async () => undefined,
  });
  const setting = { cwd: folderWith(HUB), stdin: '{"a":1}\n{"subject":1}', services: { openDecider } };
  const { exit, stdout } = await run(['decide'], setting);
  expect(exit).toBe(2);
  expect(
    stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown),
  ).toEqual([
    { error: { code: 'BAD_REQUEST', line: 1, message: 'subject: expected an object' } },
    { decision: true },
  ]);
});

test('decide answers each line in order; a line that is no JSON spoils only itself', async () => {
  const openDecider = async () => ({
    decide: async (request: unknown) => ({ decision: true, request }),
    close: async () => undefined,
  });
  const setting = {
    cwd: folderWith(HUB),
    stdin: '{"a":1}\r\nnonsense\n\n[1]\n{"a":2}',
    services: { openDecider },
  };
  const { exit, stdout } = await run(['decide'], setting);
  expect(exit).toBe(2);
  expect(
    stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown),
  ).toEqual([
    { decision: true, request: { a: 1 } },
    { error: { code: 'NOT_JSON', line: 2, message: expect.any(String) as string } },
    { error: { code: 'NOT_JSON', line: 4, message: expect.any(String) as string } },
    { decision: true, request: { a: 2 } },
  ]);
});

test('reader learn names the one profile, and says no when several fit', async () => {
  const cwd = mkdtempSync(join(tmpdir(), 'cardhub-cli-'));
  writeFileSync(join(cwd, 'one.csv'), 'known,sent\n5630F009,0166735958\n2A83155E,1578468138\n');
  writeFileSync(join(cwd, 'none.csv'), '5630F009,1\n');
  writeFileSync(join(cwd, 'bad.csv'), 'xyz,1\n');
  const one = await run(['reader', 'learn', 'one.csv'], { cwd });
  expect(one.stdout).toContain('dec10-le');
  expect(one.exit).toBe(0);
  expect(await run(['reader', 'learn', 'none.csv', '--json'], { cwd })).toMatchObject({ exit: 1 });
  expect(await run(['reader', 'learn', 'bad.csv'], { cwd })).toMatchObject({ exit: 2 });
  expect(await run(['reader', 'learn', 'one.csv', '--known', 'x'], { cwd })).toMatchObject({ exit: 2 });
});

test('doctor: a clock two days off and an expired file are failures, each with what to do', async () => {
  const cwd = folderWith(HUB);
  const good = await run(['doctor', '--json'], { cwd });
  expect(good.exit).toBe(0);
  const services = { connectors: async () => [factory(gateway, -2 * 86_400_000)] };
  const { exit, stdout } = await run(['doctor'], { cwd, services });
  expect(exit).toBe(1);
  expect(stdout).toContain(
    "fail  clock core: the upstream's clock is 172800 s behind ours\n      → compare both with NTP",
  );
});

test('Chinese characters take two places in a table', () => {
  expect(displayWidth('卡a')).toBe(3);
  expect(
    formatTable(
      ['a', 'b'],
      [
        ['卡', 'x'],
        ['abc', 'y'],
      ],
    ),
  ).toEqual(['a    b', '卡   x', 'abc  y']);
});
