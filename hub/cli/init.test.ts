import iconv from 'iconv-lite';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { loadConfig } from '../config/load.js';
import { allConnectors } from '../connectors.js';
import { runCli } from './program.js';

test('from the exports of a real campus, init writes a configuration that the real connectors accept', async () => {
  const cwd = mkdtempSync(join(tmpdir(), 'cardhub-init-'));
  const cards = 'Index,CardNo,Sex,Major,AccessCardNo\n1,180001,男,18国际金融,19762330\n';
  const swipes =
    'Index,AccessCardNo,Date,Address,Access,Describe\n1,19762330,2019/4/1 0:00,飞凤轩[进门],1,允许通过\n';
  writeFileSync(join(cwd, 'cards.csv'), iconv.encode(cards, 'gbk'));
  writeFileSync(join(cwd, 'swipes.csv'), iconv.encode(swipes, 'gbk'));
  let printed = '';
  const sink = { write: (text: string) => (printed += text) };
  const frame = {
    env: {},
    cwd,
    stdin: [] as unknown as AsyncIterable<string>,
    stdout: sink,
    stderr: sink,
    // A minute on, so that the files count as whole.
    now: () => Date.now() + 60_000,
    random: () => 0,
    signal: new AbortController().signal,
    services: { connectors: allConnectors },
  };
  const made = await runCli(['init', '--from', 'cards.csv', '--from', 'swipes.csv', '--json'], frame, '0');
  expect([made, made === 0 ? '' : printed]).toEqual([0, '']);
  expect(printed).not.toMatch(/19762330|飞凤轩/);
  const specs = (await allConnectors()).map(({ spec }) => spec);
  expect(loadConfig(join(cwd, 'hub.yaml'), { env: {}, specs })).toMatchObject({
    ok: true,
    config: {
      sources: [
        {
          name: 'core',
          options: {
            encoding: 'gb18030',
            columns: { cardno: 'CardNo', sex: 'Sex', deptname: 'Major' },
            credentials: [{ column: 'AccessCardNo', profile: 'wg26-3-5' }],
          },
        },
        {
          name: 'gate',
          options: {
            doors: { distinct: true, columns: { id: 'Address' } },
            swipes: { columns: { id: 'Index', door: 'Address', occurredAt: 'Date', granted: 'Access' } },
          },
          mapping: { readerProfile: 'wg26-3-5', cardSource: 'core' },
        },
      ],
    },
  });
  // The frame checks the mapping section too.
  expect(await runCli(['connector', 'check', '--json'], frame, '0')).toBe(0);
});
