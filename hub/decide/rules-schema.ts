/** JSON Schemas of the parts of a policy document that stand beside purposes and doors. */
import { DENY_REASONS } from './reasons.js';

const NAME = { type: 'string', minLength: 1, maxLength: 64 };
const ID = { type: 'string', minLength: 1, maxLength: 512 };
const SCALAR = { type: ['string', 'number', 'boolean'] };
const DAY = { type: 'string', pattern: '^\\d{4}-\\d{2}-\\d{2}$' };
const CLOCK = { type: 'string', pattern: '^([01]\\d|2[0-3]):[0-5]\\d$|^24:00$' };
const object = (properties: object, required: readonly string[]) => ({
  type: 'object',
  additionalProperties: false,
  properties,
  required,
});
const list = (items: object, maxItems: number) => ({ type: 'array', minItems: 1, maxItems, items });

const days = { name: NAME, from: DAY, until: DAY };
const weekday = { type: 'integer', minimum: 1, maximum: 7 };

const selector = object({ type: NAME, id: { anyOf: [ID, list(ID, 1_000)] } }, []);

/** Each names one attribute and exactly one test. */
const condition = {
  ...object(
    {
      attribute: { type: 'string', pattern: '^(subject|resource|action|context)\\..{1,64}$' },
      is: SCALAR,
      isNot: SCALAR,
      oneOf: list(SCALAR, 1_000),
      memberOf: { type: 'string', pattern: '^(subject|resource|action|context)\\..{1,64}$' },
      present: { type: 'boolean' },
    },
    ['attribute'],
  ),
  minProperties: 2,
  maxProperties: 2,
};

const alert = object(
  {
    enter: { enum: ['normal', 'deny'] },
    doorClasses: list(NAME, 64),
    except: object({ personClasses: list(NAME, 64), cards: list(ID, 1_000), people: list(ID, 1_000) }, []),
  },
  ['enter'],
);

const span = object(
  {
    days: list(weekday, 7),
    kinds: list({ enum: ['WORKDAY', 'WEEKEND', 'HOLIDAY'] }, 3),
    terms: list(NAME, 64),
    inTerm: { type: 'boolean' },
    weeks: { anyOf: [{ enum: ['odd', 'even'] }, list({ type: 'integer', minimum: 1, maximum: 60 }, 60)] },
    exams: { type: 'boolean' },
    from: CLOCK,
    until: CLOCK,
  },
  ['from', 'until'],
);

export const RULE_SCHEMAS = {
  alerts: object(
    {
      fire: alert,
      evacuation: alert,
      lockdown: {
        type: 'object',
        maxProperties: 9,
        propertyNames: { pattern: '^[1-9]$' },
        additionalProperties: alert,
      },
    },
    [],
  ),
  calendar: object(
    {
      ...days,
      alarmDays: { type: 'integer', minimum: 1, maximum: 366 },
      terms: list(object(days, ['name', 'from', 'until']), 64),
      holidays: list(object(days, ['from', 'until']), 256),
      makeupWorkdays: list(object({ day: DAY, like: weekday }, ['day', 'like']), 256),
      examDays: list(object(days, ['from', 'until']), 256),
    },
    ['from', 'until'],
  ),
  schedules: { type: 'object', maxProperties: 256, additionalProperties: list(span, 64) },
  rules: {
    type: 'array',
    maxItems: 1_000,
    items: object(
      {
        id: NAME,
        effect: { enum: ['permit', 'deny'] },
        subject: selector,
        resource: selector,
        action: list(NAME, 64),
        when: list(condition, 32),
        schedule: NAME,
        reason: { enum: DENY_REASONS },
        note: { type: 'string', maxLength: 500 },
      },
      ['id', 'effect'],
    ),
  },
  entities: {
    type: 'array',
    maxItems: 10_000,
    items: object({ type: NAME, id: ID, attributes: { type: 'object', maxProperties: 64 } }, ['type', 'id']),
  },
  actions: { type: 'object', maxProperties: 64, additionalProperties: list(NAME, 64) },
};
