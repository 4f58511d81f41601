import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startCampus, type Campus } from '../campus/main.js';
import { connectors } from '../connectors/index.js';
import { loadConfig } from '../hub/config/load.js';
import { writeDemoConfig } from '../hub/demo/campus-config.js';
import { DEMO_DESK, demoDesk } from '../hub/demo/library-desk.js';
import { filled, findOpenDoor } from '../hub/demo/story.js';
import { startRuntime, type Runtime } from '../hub/run/runtime.js';

/** From the card core to the library desk: simulated campus → connector → log → view → SIP2, all over real sockets. */

let dir: string;
let campus: Campus;
let hub: Runtime;
let socket: Socket;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'cardhub-desk-'));
  campus = await startCampus({ dir: join(dir, 'campus'), seed: 5, people: 120, life: false });
  const path = writeDemoConfig({ dir, campus, port: 0, desk: await demoDesk(0) });
  const loaded = loadConfig(path, { env: {}, specs: Object.values(connectors).map(({ spec }) => spec) });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  hub = await startRuntime(loaded.config, {
    connectors: Object.values(connectors),
    onFatal: (error) => {
      throw error;
    },
  });
  await filled(hub, AbortSignal.timeout(30_000));
  socket = connect(hub.libraryDesk!.port, hub.libraryDesk!.host);
});

afterEach(async () => {
  socket.destroy();
  await hub.stop();
  await campus.close();
  rmSync(dir, { recursive: true, force: true });
});

async function ask(line: string): Promise<string> {
  const answer = new Promise<Buffer>((resolve) => socket.once('data', resolve));
  socket.write(`${line}\r`);
  return (await answer).toString('utf8').trimEnd();
}

const patron = async (card: string) => {
  const answer = await ask(`23001${'20261123'.padEnd(18)}AOmain|AA${card}|`);
  return {
    status: answer.slice(2, 16),
    valid: /\|BL(.)/.exec(answer)?.[1],
    name: /\|AE([^|]*)/.exec(answer)?.[1],
  };
};

async function until(holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 15_000;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error('not within 15 s');
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

describe('the library desk of a running hub', () => {
  it('stops a card from borrowing once its loss is reported in the card core, and logs why', async () => {
    const { user, password, location } = DEMO_DESK;
    expect(await ask(`9300CN${user}|COwrong|CP${location}|`)).toBe('940');
    expect(await ask(`9300CN${user}|CO${password}|CP${location}|`)).toBe('941');
    const pair = await findOpenDoor(hub);
    const card = pair!.cardKey.slice('core:'.length);
    const before = await patron(card);
    expect(before).toMatchObject({ status: ' '.repeat(14), valid: 'Y' });
    expect(before.name).toMatch(/^.\*/u);
    campus.life({ event: 'lose', card, channel: 'wechat' });
    await until(async () => (await patron(card)).status[4] === 'Y');
    expect(await patron(card)).toEqual({ status: 'YYYYY         ', valid: 'N', name: '' });
    campus.life({ event: 'unlose', card });
    await until(async () => (await patron(card)).valid === 'Y');
    expect(await ask(`35${'20261123'.padEnd(18)}AOmain|AA${card}|`)).toMatch(/^36Y/);
    expect(hub.metrics.text()).toMatch(/cardhub_sip2_decisions_total\{reason="DENY_LOST"\} [1-9]/);
    await until(async () => (await logged()).some((reason) => reason === 'library borrow DENY_LOST'));
  });
});

/** Of `hub.decision`, what concerns the desk. */
async function logged(): Promise<string[]> {
  const found: string[] = [];
  const codec = hub.hub.codecs.codecFor('hub.decision');
  for await (const batch of hub.hub.log.read({ topic: 'hub.decision', until: 'end' })) {
    for (const { value } of batch.records) {
      if (value === null) continue;
      const { purpose, action, reason } = codec.decode(value);
      if (purpose === 'library') found.push(`${purpose} ${action} ${reason}`);
    }
  }
  return found;
}
