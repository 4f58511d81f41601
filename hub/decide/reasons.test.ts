import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { packagePath } from '../package-root.js';
import { ALLOW_REASONS, DECISION_REASONS } from './reasons.js';

const { codes } = JSON.parse(
  readFileSync(packagePath('contracts', 'codes', 'decision-reasons.json'), 'utf8'),
) as { codes: { code: string; effect: string; by: string }[] };

it('the reasons that decide() gives are the ones of the code set, with the same effect', () => {
  const known = new Map(codes.map((entry) => [entry.code, entry]));
  for (const reason of DECISION_REASONS) {
    const allows = (ALLOW_REASONS as readonly string[]).includes(reason);
    expect([reason, known.get(reason)?.effect]).toEqual([reason, allows ? 'allow' : 'deny']);
  }
});

it('every reason of the code set that the hub gives is one of ours', () => {
  const ours = codes.filter(({ by }) => by === 'hub').map(({ code }) => code);
  expect(ours.filter((code) => !(DECISION_REASONS as readonly string[]).includes(code))).toEqual([]);
});
