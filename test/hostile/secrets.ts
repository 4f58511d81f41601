/** What of the simulated campus must never stand in an answer, and what may be asked about. */
import type { Campus } from '../../campus/main.js';
import { cardsAfter, rowOf } from '../../campus/world/world.js';
import { DEMO_CONTROLLER } from '../../hub/demo/clients.js';
import type { OpenDoor } from '../../hub/demo/story.js';

export interface Secret {
  /** What kind of secret; the report says no more. */
  readonly kind: 'id document' | 'name' | 'chip number' | 'bank account' | 'key' | 'balance';
  readonly text: string;
}

/** Ids that exist, so that requests get past the first question. */
export interface KnownIds {
  readonly cards: readonly string[];
  readonly people: readonly string[];
  readonly doors: readonly string[];
  /** A pair that is let in. */
  readonly open: OpenDoor | null;
  /** Chip numbers with `uid-hex`: sent, so that an answer about them comes. They must not come back either. */
  readonly uids: readonly string[];
  readonly controller: string;
  /** What two clients bring to say who they are. It must not come back either. */
  readonly credentials: Credentials;
  readonly holders: readonly {
    readonly card: string;
    readonly schoolNumber: string;
    readonly name: string;
  }[];
}

/** Of clients of the demo (hub/demo/clients.ts). */
export interface Credentials {
  readonly staticKey: string;
  readonly client: string;
  readonly secret: string;
}

const CARDS_MAX = 100_000;
/** Shorter values occur by themselves. */
const KEY_LENGTH_MIN = 16;

export function secretsOf(campus: Campus, hubYaml: string, credentials: Credentials): Secret[] {
  const { world } = campus;
  const secrets = new Map<string, Secret>();
  const add = (kind: Secret['kind'], text: string): void => {
    if (text !== '') secrets.set(text, { kind, text });
  };
  for (const card of cardsAfter(world, '', CARDS_MAX).cards) {
    const row = rowOf(world, card);
    add('id document', row.cert);
    add('name', row.name.trim());
    add('chip number', row.cardid);
  }
  for (const { account } of campus.bank.books.agreements()) add('bank account', account);
  // Every secret of the configuration stands in the demo's hub.yaml; so do those that the campus made for itself.
  for (const text of stringsOf({ keys: campus.credentials, bank: campus.bank.credentials })) {
    for (const line of text.split('\n'))
      if (line.length >= KEY_LENGTH_MIN && !/^-----/.test(line)) add('key', line);
  }
  for (const [, value = ''] of hubYaml.matchAll(
    /(?:passwordHash|[tT]oken|[sS]ecret|[kK]ey): "?([^\s"]{16,})/g,
  )) {
    add('key', value);
  }
  add('key', credentials.staticKey);
  add('key', credentials.secret);
  return [...secrets.values()];
}

function stringsOf(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(stringsOf) : [];
}

const IDS_MAX = 40;

export function knownIds(campus: Campus, credentials: Credentials): KnownIds {
  const rows = cardsAfter(campus.world, '', CARDS_MAX)
    .cards.map((card) => rowOf(campus.world, card))
    .slice(0, IDS_MAX);
  const held = rows.filter(({ sno }) => sno !== '');
  return {
    cards: rows.map(({ cardno }) => `core:${cardno}`),
    people: held.map(({ sno }) => `core:${sno}`),
    doors: ['gate:D-00000', 'gate:D-00001'],
    open: null,
    controller: DEMO_CONTROLLER.id,
    credentials,
    uids: rows.map(({ cardid }) => cardid),
    holders: held.map(({ cardno, sno, name }) => ({
      card: `core:${cardno}`,
      schoolNumber: sno,
      name: name.trim(),
    })),
  };
}

export function withOpenDoor(ids: KnownIds, open: OpenDoor | null): KnownIds {
  return open === null ? ids : { ...ids, open, doors: [...ids.doors, open.doorKey] };
}
