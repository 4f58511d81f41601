import { DENY_REASONS } from './reasons.js';
import { RULE_SCHEMAS } from './rules-schema.js';

/** Exits are never denied for these alone, so a policy cannot ask for it (architecture.md, Decisions). */
const NEVER_ALONE_AT_EXIT = ['DENY_STALE_DATA', 'DENY_UNKNOWN_CARD', 'DENY_ANTIPASSBACK'];

const verdict = { enum: ['permit', 'warn', 'deny', 'staff'] };

const table = {
  type: 'object',
  additionalProperties: false,
  properties: {
    LOST: verdict,
    CLOSED: verdict,
    REPLACED: verdict,
    NOT_ISSUED: verdict,
    UNKNOWN_STATE: verdict,
    EXPIRED: verdict,
    NOT_YET_VALID: verdict,
    LOCKED: verdict,
    DAMAGED: verdict,
    OUT_OF_SCOPE: verdict,
    HOLDER_LEFT: verdict,
    FROZEN: verdict,
  },
};

const doorRuleProperties = {
  exit: { enum: ['free', 'as-entry'] },
  exitDeniedBy: {
    type: 'array',
    uniqueItems: true,
    items: { enum: DENY_REASONS.filter((reason) => !NEVER_ALONE_AT_EXIT.includes(reason)) },
  },
  staleAfterMs: { type: 'integer', minimum: 1_000, maximum: 31_622_400_000 },
  whenStale: { enum: ['warn', 'deny'] },
  antiPassback: { enum: ['off', 'soft', 'hard'] },
  antiPassbackWindowMs: { type: 'integer', minimum: 1_000, maximum: 86_400_000 },
  antiPassbackArea: { enum: ['door', 'building'] },
};
/** These may be absent in `doors.default`. */
const doorRuleOptions = {
  hours: { type: 'string', minLength: 1, maxLength: 64 },
  grantDays: { enum: ['week', 'calendar'] },
};

const placeRules = {
  staleAfterMs: doorRuleProperties.staleAfterMs,
  whenStale: doorRuleProperties.whenStale,
};
const margin = { type: 'integer', minimum: 0, maximum: 14_400_000 };

/** JSON Schema (2020-12) of a policy document. */
export const POLICY_SCHEMA = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title: 'Cardhub decision policy',
  type: 'object',
  additionalProperties: false,
  required: ['version', 'ttl'],
  properties: {
    version: { type: 'string', pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$' },
    note: { type: 'string', maxLength: 2_000 },
    purposes: {
      type: 'object',
      additionalProperties: false,
      required: ['door'],
      properties: {
        // A known loss always denies entry: the document cannot say otherwise.
        door: { ...table, properties: { ...table.properties, LOST: { const: 'deny' } } },
        identity: table,
        library_borrow: table,
        library_return: table,
        locker_open: table,
        classroom_power: table,
      },
    },
    doors: {
      type: 'object',
      additionalProperties: false,
      required: ['default', 'classes'],
      properties: {
        default: {
          type: 'object',
          additionalProperties: false,
          required: Object.keys(doorRuleProperties),
          properties: { ...doorRuleProperties, ...doorRuleOptions },
        },
        classes: {
          type: 'object',
          maxProperties: 64,
          additionalProperties: {
            type: 'object',
            additionalProperties: false,
            properties: { ...doorRuleProperties, ...doorRuleOptions },
          },
        },
      },
    },
    ttl: {
      type: 'object',
      additionalProperties: false,
      required: ['allowMs'],
      properties: { allowMs: { type: 'integer', minimum: 0, maximum: 60_000 } },
    },
    places: {
      type: 'object',
      additionalProperties: false,
      properties: {
        locker: { type: 'object', additionalProperties: false, properties: placeRules },
        classroom: {
          type: 'object',
          additionalProperties: false,
          properties: { ...placeRules, beforeLessonMs: margin, afterLessonMs: margin },
        },
      },
    },
    ...RULE_SCHEMAS,
  },
};
