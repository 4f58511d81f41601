/** The mappings by the name that a stream's spec gives (`maps`). Rows are checked against their schema before. */
import type { DoorRow, GrantRow, SwipeRow } from '../connectors/access-control/rows.js';
import type { CardRow } from '../connectors/card-core/rows.js';
import { cardProfileSchema, mapCard } from './card.js';
import { mapSwipe } from './door-event.js';
import { mapDoor } from './door.js';
import { accessProfileSchema, mapGrant } from './grant.js';
import type { MapContext, Mapped } from './outcome.js';

export type MappingName = 'card' | 'door' | 'grant' | 'swipe';
export type Mapping = (row: unknown, context: MapContext) => Mapped;

export const mappings: Readonly<Record<MappingName, Mapping>> = {
  card: (row, context) => mapCard(row as CardRow, context),
  door: (row, context) => mapDoor(row as DoorRow, context),
  grant: (row, context) => mapGrant(row as GrantRow, context),
  swipe: (row, context) => mapSwipe(row as SwipeRow, context),
};

/** JSON Schema of the `mapping` section of an instance in hub.yaml, by mapping. */
export const mappingProfileSchemas: Readonly<Record<MappingName, Readonly<Record<string, unknown>>>> = {
  card: cardProfileSchema,
  door: accessProfileSchema,
  grant: accessProfileSchema,
  swipe: accessProfileSchema,
};

export { ABSENT, closeAbsent, isClosable, withMark, withoutMark } from './absence.js';
export type { ClosableTopic, Loss, StateValue } from './absence.js';
export { lossOf } from './card.js';
export type { CardProfile } from './card.js';
