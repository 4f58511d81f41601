/**
 * All views together: what `decide()` asks, in memory, changed by one record at a time. Where the records come
 * from (the log, a test) is `follow.ts`'s matter.
 */
import type { TopicName } from '../../contracts/types.js';
import { aliasesOf, parseCredential, SCHEMES } from '../../transforms/card-number.js';
import type { CompiledProfile, Scheme } from '../../transforms/card-number.js';
import { DEFAULT_POLICY } from '../decide/default-policy.js';
import type { CredentialReading, DecisionView } from '../decide/model.js';
import { compilePolicy } from '../decide/policy.js';
import type { Policy } from '../decide/policy.js';
import { AlertsView } from './alerts.js';
import { BankSigningView } from './bank-signing.js';
import { CardsView } from './cards.js';
import { ClassroomsView } from './classrooms.js';
import { DoorsView } from './doors.js';
import type { ViewValue } from './fields.js';
import { Freshness } from './freshness.js';
import { GrantsView } from './grants.js';
import { LockersView } from './lockers.js';
import { PassagesView } from './passages.js';
import { PeopleView } from './people.js';
import { TextTable } from '../tables/text-table.js';

/** The topics that the view follows; positions last, since they prove the others. */
export const VIEW_TOPICS = [
  'hub.alert',
  'hub.policy',
  'master.door',
  'master.access-grant',
  'hub.person-source',
  'master.card',
  'hub.out-of-scope-card',
  'master.door-event',
  'master.bank-agreement',
  'master.locker',
  'master.locker-use',
  'master.classroom',
  'hub.positions',
] as const satisfies readonly TopicName[];
export type ViewTopic = (typeof VIEW_TOPICS)[number];

export interface HubViewOptions {
  readonly tenant: string;
  /** Reader profiles by name, built-in ones included (`readerProfiles(own).profiles`). */
  readonly profiles: ReadonlyMap<string, CompiledProfile>;
  /** The forms of a UID to index: those that the readers in use send. Default: all. Each costs memory. */
  readonly schemes?: readonly Scheme[];
  /** In force until `hub.policy` has one for this tenant. */
  readonly policy?: Policy;
  readonly now: () => number;
}

export interface HubView extends DecisionView {
  readonly cards: CardsView;
  readonly people: PeopleView;
  readonly grants: GrantsView;
  readonly doors: DoorsView;
  readonly passages: PassagesView;
  readonly freshness: Freshness;
  readonly alerts: AlertsView;
  readonly bankSigning: BankSigningView;
  /** The policy in force. */
  policy(): Policy;
  /** Applies one record; null is a tombstone. Throws PolicyError for a policy that is no policy. */
  readonly apply: <T extends ViewTopic>(topic: T, key: string, value: ViewValue[T] | null) => void;
}

export function createHubView(options: HubViewOptions): HubView {
  const { profiles, now, tenant } = options;
  const schemes = options.schemes ?? SCHEMES;
  const groups = new TextTable();
  const people = new PeopleView(new TextTable(), groups);
  const cards = new CardsView({
    personKeys: people.keys,
    expand: ({ scheme, value }) => aliasesOf({ scheme: scheme as Scheme, value }, schemes),
  });
  const grants = new GrantsView({ cardKeys: cards.keys, groups, people });
  const doors = new DoorsView();
  const passages = new PassagesView({ cardKeys: cards.keys, door: (key) => doors.get(key) });
  const freshness = new Freshness(new Set(VIEW_TOPICS), now);
  const alerts = new AlertsView(tenant);
  const bankSigning = new BankSigningView(freshness);
  const classrooms = new ClassroomsView();
  const lockers = new LockersView((card) => cards.get(card)?.holder);
  let policy = options.policy ?? DEFAULT_POLICY;

  const appliers: { [T in ViewTopic]: (key: string, value: ViewValue[T] | null) => void } = {
    'hub.alert': (key, value) => alerts.apply(key, value),
    'master.card': (key, value) => cards.apply('master', key, value),
    'hub.out-of-scope-card': (key, value) => cards.apply('out-of-scope', key, value),
    'hub.person-source': (key, value) => people.apply(key, value),
    'master.access-grant': (key, value) => grants.apply(key, value),
    'master.door': (key, value) => doors.apply(key, value),
    'master.door-event': (_key, value) => value && passages.apply(value, now()),
    'master.bank-agreement': (key, value) => bankSigning.apply(key, value),
    'master.locker': (key, value) => lockers.applyLocker(key, value),
    'master.locker-use': (_key, value) => value && lockers.applyUse(value),
    'master.classroom': (key, value) => classrooms.apply(key, value),
    'hub.positions': (_key, value) => value && freshness.position(value),
    'hub.policy': (_key, value) => {
      if (value?.tenant === tenant) policy = compilePolicy(parseJson(value.document));
    },
  };
  return {
    cards,
    people,
    grants,
    doors,
    passages,
    freshness,
    alerts,
    bankSigning,
    policy: () => policy,
    apply: (topic, key, value) => appliers[topic](key, value),
    readCredential: (profile, text) => read(profiles.get(profile), text),
    card: (key) => cards.get(key),
    cardsByCredential: (scheme, value) => cards.byCredential(scheme, value),
    person: (key) => people.get(key),
    cardsOfPerson: (key) => cards.ofPerson(key),
    door: (key) => doors.get(key),
    rights: (card, door, at) => grants.rights(card, door, at),
    lastPassage: (cardKey, area, at) => passages.lastPassage(cardKey, area, at),
    asOf: (source, stream) => freshness.asOf(source, stream),
    personClass: (key) => people.describe(key).personClass,
    alert: (door, at) => alerts.over(door, at),
    locker: (key) => lockers.get(key),
    classroom: (key) => classrooms.get(key),
  };
}

function read(profile: CompiledProfile | undefined, text: string): CredentialReading {
  if (profile === undefined) return { ok: false, reason: 'DENY_READER_PROFILE' };
  const parsed = parseCredential(profile, text);
  return parsed.ok
    ? { ok: true, scheme: parsed.scheme, value: parsed.value }
    : { ok: false, reason: 'DENY_CARD_NUMBER_INVALID' };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // compilePolicy says what was expected
  }
}
