/**
 * The fields that the view keeps. Of the topics with a million records only these are decoded, which is a good part of
 * what the start takes; the types see to it that the view asks for no other.
 */
import type { Card, OutOfScopeCard, PersonSource, TopicValue } from '../../contracts/types.js';
import type { ViewTopic } from './view.js';

const CARD_FIELDS = [
  ...(['source', 'version', 'state', 'stateReason', 'lost', 'frozen', 'damaged', 'locked'] as const),
  ...(['validFrom', 'validUntil', 'credentials'] as const),
] as const satisfies readonly (keyof OutOfScopeCard)[];
const PERSON_FIELDS = [
  ...(['source', 'version', 'schoolNumber', 'name', 'personClass', 'groups', 'state'] as const),
] as const satisfies readonly (keyof PersonSource)[];

export type CardInView = Pick<Card, (typeof CARD_FIELDS)[number] | 'holder'>;
export type OutOfScopeCardInView = Pick<OutOfScopeCard, (typeof CARD_FIELDS)[number]>;
export type PersonInView = Pick<PersonSource, (typeof PERSON_FIELDS)[number]>;

interface Projected {
  readonly 'master.card': CardInView;
  readonly 'hub.out-of-scope-card': OutOfScopeCardInView;
  readonly 'hub.person-source': PersonInView;
}

export type ViewValue = Projected & Pick<TopicValue, Exclude<ViewTopic, keyof Projected>>;

export const PROJECTED: Readonly<Record<keyof Projected, readonly string[]>> = {
  'master.card': [...CARD_FIELDS, 'holder'],
  'hub.out-of-scope-card': CARD_FIELDS,
  'hub.person-source': PERSON_FIELDS,
};

export interface ViewDecoder {
  decode<T extends ViewTopic>(topic: T, bytes: Uint8Array): ViewValue[T];
}
