/**
 * The real campus of April 2019 through the mappings. The data is not ours to commit: without the folder
 * (CAMPUS_2019_DIR, default ../shared/data/campus-2019) these tests are skipped, and say so.
 */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import iconv from 'iconv-lite';
import { describe, expect, it } from 'vitest';
import type { Card } from '../contracts/types.js';
import { mapCard } from './card.js';
import { mapSwipe } from './door-event.js';
import type { CredentialMatch } from './outcome.js';
import { contextOf, contractBreach } from './mapping.test-support.js';

const folder = process.env['CAMPUS_2019_DIR'] ?? '../shared/data/campus-2019';
const present = existsSync(path.join(folder, 'cards.csv'));

function rows(file: string): string[][] {
  const text = iconv.decode(readFileSync(path.join(folder, file)), 'gb18030');
  return text
    .split(/\r?\n/u)
    .slice(1)
    .filter(Boolean)
    .map((line) => line.split(','));
}

/** Numbers of the cards mapped so far, as the hub keeps them. */
function cardList() {
  const holders = new Map<string, string[]>();
  const cardsByCredential = (scheme: string, value: string): CredentialMatch => {
    const cardKeys = holders.get(`${scheme}:${value}`) ?? [];
    const [cardKey] = cardKeys;
    if (cardKey === undefined) return { kind: 'none' };
    return cardKeys.length === 1 ? { kind: 'one', cardKey } : { kind: 'many', cardKeys };
  };
  const context = contextOf({ cardsByCredential });
  for (const [, cardno = '', sex = '', deptname = '', value = ''] of rows('cards.csv')) {
    const mapped = mapCard(
      { cardno, sno: cardno, sex, deptname, credentials: [{ profile: 'wg26-3-5', value }] },
      context,
    );
    if (mapped.kind === 'reject') throw new Error(mapped.detail);
    const card = mapped.records.find((record) => record.topic === 'master.card')!.value as Card;
    for (const credential of card.credentials) {
      const name = `${credential.scheme}:${credential.value}`;
      holders.set(name, [...(holders.get(name) ?? []), card.cardKey]);
    }
  }
  return { holders, cardsByCredential };
}

describe.skipIf(!present)('the campus of 2019 (skipped where its data is absent)', () => {
  it('has 4,341 cards, four of which share two numbers', () => {
    const { holders } = cardList();
    const cards = [...holders.values()];
    expect(cards.flat()).toHaveLength(4341);
    expect(cards.filter((keys) => keys.length > 1).flat()).toHaveLength(4);
  });

  it('has 22,391 swipes: none refused, 12,801 unknown, 5 ambiguous, 873 possible repeats', () => {
    const context = contextOf({
      source: 'gate',
      cardsByCredential: cardList().cardsByCredential,
      doorKnown: () => false,
      profile: {
        readerProfile: 'wg26-3-5',
        address: { open: '[', close: ']' },
        impliesDoors: { class: 'TURNSTILE' },
      },
    });
    const marks = new Map<string, number>();
    const doors = new Set<string>();
    let breaches = 0;
    let events = 0;
    for (const [id = '', value = '', occurredAt = '', doorId = '', granted = '', reason = ''] of rows(
      'door-swipes.csv',
    )) {
      const mapped = mapSwipe({ id, credential: { value }, occurredAt, doorId, granted, reason }, context);
      if (mapped.kind === 'reject') throw new Error(`${mapped.reason} ${mapped.path} ${mapped.detail}`);
      for (const mark of mapped.marks) marks.set(mark, (marks.get(mark) ?? 0) + 1);
      for (const record of mapped.records) {
        if (record.topic === 'master.door') doors.add(record.key);
        else events++;
        if (events % 50 === 0 && contractBreach(record) !== undefined) breaches++;
      }
    }
    expect(events).toBe(22_391);
    expect(Object.fromEntries(marks)).toEqual({
      UNKNOWN_CREDENTIAL: 12_801,
      AMBIGUOUS_CREDENTIAL: 5,
      POSSIBLE_REPEAT: 873,
    });
    expect([...doors].sort()).toEqual(
      ['gate:第七教学楼', 'gate:第五教学楼', 'gate:第六教学楼', 'gate:青鸾苑', 'gate:飞凤轩'].sort(),
    );
    expect(breaches).toBe(0);
  });
});
