/**
 * A desk's day over a real socket, byte for byte: `desk-session.txt`. Lines that begin with `>` are what the desk sends,
 * `<` what it must get in one write, `!` what happens elsewhere meanwhile, `#` remarks.
 */
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { packagePath } from '../package-root.js';
import { card } from '../views/view.fixture.js';
import { createDesk, LIMITS, MAIN, memoryLibrary } from './desk.test-support.js';
import type { Desk } from './desk.test-support.js';
import { startSip2 } from './server.js';

const HAPPENS: Readonly<Record<string, (desk: Desk) => void>> = {
  'the card is reported lost': ({ view }) =>
    view.apply('master.card', 'core:1', card({ lost: true, version: 2 })),
  'the card is found': ({ view }) => view.apply('master.card', 'core:1', card({ version: 3 })),
};

const text = readFileSync(packagePath('hub', 'sip2', 'desk-session.txt'), 'utf8');
const steps = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
const bytesOf = (step: string): string => step.slice(2).replaceAll('\\r', '\r').replaceAll('\\n', '\n');

it('a desk gets what it got when the session was recorded', async () => {
  const institutions = {
    main: MAIN,
    law: { ...MAIN, name: '法学分馆', language: 'zh', reader: { by: 'school-number', source: 'core' } },
  } as const;
  const desk = createDesk({ institutions, library: memoryLibrary() });
  const config = { host: '127.0.0.1', port: 0, tls: undefined, plaintext: false, limits: LIMITS };
  const server = await startSip2({ config, session: desk.parts });
  const socket = connect(server.port, '127.0.0.1');
  onTestFinished(async () => {
    socket.destroy();
    await server.close();
    await desk.close();
  });
  const played: string[] = [];
  for (const step of steps) {
    if (step.startsWith('!')) HAPPENS[step.slice(2)]?.(desk);
    if (step.startsWith('>')) {
      socket.write(bytesOf(step));
      const answer = await new Promise<Buffer>((resolve) => socket.once('data', resolve));
      played.push(step, `< ${answer.toString('utf8').replaceAll('\r', '\\r').replaceAll('\n', '\\n')}`);
    } else if (!step.startsWith('<')) played.push(step);
  }
  expect(played).toEqual(steps);
});

it('the recording names only things that can happen', () => {
  const named = steps.filter((step) => step.startsWith('!')).map((step) => step.slice(2));
  expect(named.filter((what) => !(what in HAPPENS))).toEqual([]);
  expect(steps.filter((step) => step.startsWith('>')).length).toBeGreaterThan(15);
});
