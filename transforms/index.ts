/** What the hub uses of the transforms. Rows are checked against their stream's schema before they are mapped. */
export { ABSENT, closeAbsent, withMark, withoutMark } from './absence.js';
export type { Loss, StateValue } from './absence.js';
export { CARD_TOPICS } from './card.js';
export type { CardProfile } from './card-profile.js';
export type { Mapping, RecordKind } from './kind.js';
export { eventContent, eventTuple, hasEnded, kindOf, kinds, profileSchema } from './kinds.js';
export type { KindName } from './kinds.js';
