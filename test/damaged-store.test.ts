/** Rule 12 on the embedded store: whatever page is lost, the hub starts whole or refuses the store; it never dies of it. */
import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openEmbeddedLog } from '../hub/log/embedded/index.js';
import type { Log, LogRecord } from '../hub/log/log.js';
import { packagePath } from '../hub/package-root.js';

const PAGE = 4096;
const DAY = 86_400_000;
const topics = ['hub.positions', 'master.card'].map((name) => ({
  ...{ name, kind: 'state' as const, partitions: 2, retentionMs: DAY },
}));

let dir: string;
let file: string;

beforeEach(() => {
  expect(existsSync(packagePath('dist', 'hub', 'log', 'embedded', 'verify-child.js')), 'npm run build').toBe(
    true,
  );
  dir = mkdtempSync(join(tmpdir(), 'cardhub-damage-'));
  file = join(dir, 'log.mdb');
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const open = (readOnly = false): Promise<Log> =>
  openEmbeddedLog(readOnly ? { dir, readOnly } : { dir, topics });

const record = (topic: string, key: string, bytes: number): LogRecord => ({
  ...{ topic, key, value: Buffer.alloc(bytes, key), headers: { ce_id: key } },
});

async function append(count: number): Promise<void> {
  const log = await open();
  const writer = await log.openWriter('t/core/cards/0');
  for (let i = 0; i < count; i += 1) {
    await writer.append({
      records: [record('master.card', `core:${i}`, i === 1 ? 3 * PAGE : 700)],
      position: () => record('hub.positions', 't/core/cards/0', 100),
    });
  }
  await writer.close();
  await log.close();
}

/** The error's code, or null when the store opened and everything in it could be read. */
async function refusal(readOnly = false): Promise<string | null> {
  let log: Log | undefined;
  try {
    log = await open(readOnly);
    for (const topic of topics) for await (const _ of log.read({ topic: topic.name, until: 'end' }));
    return null;
  } catch (error) {
    return `${(error as { code: string }).code}: ${(error as Error).message}`;
  } finally {
    await log?.close();
  }
}

describe('a store that was in use', () => {
  it('is refused when its file is gone or empty, and begun anew only when that is asked for', async () => {
    await append(2);
    for (const harm of [() => writeFileSync(file, ''), () => rmSync(file)]) {
      harm();
      for (const readOnly of [false, true]) {
        expect(await refusal(readOnly)).toMatch(
          /^DAMAGED: .* is missing or empty, but \d+ commits were .*backup/s,
        );
      }
    }
    rmSync(`${file}.last`);
    expect(await refusal()).toBeNull();
  });

  it('is nobody else’s to read', async () => {
    const inner = join(dir, 'data', 'log');
    await (await openEmbeddedLog({ dir: inner, topics })).close();
    expect([join(dir, 'data'), inner].map((folder) => statSync(folder).mode & 0o777)).toEqual([0o700, 0o700]);
  });
});

describe('a store that has lost a page', () => {
  it.each([
    ['by the hub', false],
    ['by a command that only reads', true],
  ])('is opened whole or refused as DAMAGED %s, whichever page it is', async (_, readOnly) => {
    await append(12);
    const sound = readFileSync(file);
    const outcomes = new Map<number, string | null>();
    for (let page = 0; page < sound.length / PAGE; page += 1) {
      const broken = Buffer.from(sound);
      if (broken.subarray(page * PAGE, (page + 1) * PAGE).every((byte) => byte === 0)) continue;
      broken.fill(0, page * PAGE, (page + 1) * PAGE);
      writeFileSync(file, broken);
      outcomes.set(page, await refusal(readOnly));
    }
    const refused = [...outcomes.values()].filter((outcome) => outcome !== null);
    expect(refused.length).toBeGreaterThan(5);
    for (const outcome of refused) expect(outcome).toMatch(/^DAMAGED: .*(backup|empty folder)/s);
    writeFileSync(file, sound);
    expect(await refusal(readOnly)).toBeNull();
  });

  it('is read without a second look while a hub writes it', async () => {
    await append(3);
    const hub = await open();
    expect(await refusal(true)).toBeNull();
    await hub.close();
  });

  it('is refused when its last commits are lost, and opened again when that is accepted', async () => {
    await append(3);
    copyFileSync(file, `${file}.old`);
    await append(1);
    copyFileSync(`${file}.old`, file);
    expect(await refusal()).toMatch(/^DAMAGED: .*stands at commit \d+, but \d+ were acknowledged/s);
    rmSync(join(dir, 'log.mdb.last'));
    expect(await refusal()).toBeNull();
  });
});
