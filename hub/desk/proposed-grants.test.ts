import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { doorEvent } from '../views/view.fixture.js';
import { observeSwipes, proposalCsv, proposeGrants } from './propose.js';
import { readProposedGrants } from './proposed-grants.js';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'cardhub-'));
});
afterEach(() => rm(folder, { recursive: true }));

const read = () =>
  readProposedGrants({
    folder,
    name: 'grants.csv',
    source: 'gate',
    mapping: { cardSource: 'core' },
    now: () => 0,
    random: () => 0,
    signal: new AbortController().signal,
  });

it('the file connector reads a proposal as a grant of that card at that door, for both ways and always', async () => {
  const observation = observeSwipes({ from: 0, until: 99_999 });
  observation.add(doorEvent({ cardKey: 'core:0180001', doorKey: 'gate:第六教学楼, "A"' }));
  const { grants } = proposeGrants(observation.uses(), { source: 'gate', cardSource: 'core', minAllowed: 1 });
  await writeFile(path.join(folder, 'grants.csv'), proposalCsv(grants));
  expect(await read()).toEqual({
    refused: [],
    grants: [
      expect.objectContaining({
        grantKey: `gate:${grants[0]?.grantId}`,
        subjectType: 'CARD',
        subject: 'core:0180001',
        resourceType: 'DOOR',
        resource: 'gate:第六教学楼, "A"',
        direction: 'BOTH',
        validFrom: null,
        validUntil: null,
        schedule: [],
        state: 'ACTIVE',
      }),
    ],
  });
});

it('names the rows of a reviewed file that would not be granted', async () => {
  const header =
    'grant_id,subject_type,subject,resource_type,resource,direction,valid_from,valid_until,state,schedule';
  const row = (id: string, direction: string): string => `${id},card,1,door,d1,${direction},,,active,`;
  const text = [header, row('a', 'both'), row('b', 'sideways'), 'c,card', ''].join('\n');
  await writeFile(path.join(folder, 'grants.csv'), text);
  const { grants, refused } = await read();
  expect(grants.map(({ grantId }) => grantId)).toEqual(['a']);
  expect(refused).toHaveLength(2);
  expect(refused[0]).toMatch(/^row b, .*direction/);
});
