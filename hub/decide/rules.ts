/**
 * Rules of a policy: who may do what with which resource, when. Tried in the order of the document; the first
 * that fits decides. The same rules serve doors (before the grants are looked at), lockers, classrooms, the
 * library, and tenants whose subjects and resources are stored in the policy itself (`entities`).
 *
 *   condition  attribute: subject.role | resource.status | action.soft | context.ip, then one of
 *              is, isNot, oneOf, memberOf (another attribute: equal to it, or one of its items), present
 *
 * An attribute that the hub stores beats the one that the caller sends (AuthZEN facts that a caller can make
 * up would be no facts).
 */
import type { DenyReason } from './reasons.js';
import { scheduleCovers } from './calendar.js';
import type { CompiledCalendar, NamedSchedule } from './calendar.js';

export type Scalar = string | number | boolean;
export type Attributes = Readonly<Record<string, unknown>>;

export interface Condition {
  readonly attribute: string;
  readonly is?: Scalar;
  readonly isNot?: Scalar;
  readonly oneOf?: readonly Scalar[];
  readonly memberOf?: string;
  readonly present?: boolean;
}

export interface Selector {
  readonly type?: string;
  readonly id?: string | readonly string[];
}

export interface PolicyRule {
  /** Unique in the document; stands in explanations. */
  readonly id: string;
  readonly effect: 'permit' | 'deny';
  readonly subject?: Selector;
  readonly resource?: Selector;
  /** Names of actions; absent: any. */
  readonly action?: readonly string[];
  /** All of them must hold. */
  readonly when?: readonly Condition[];
  /** Name of a schedule of the document; outside of it the rule does not fit. */
  readonly schedule?: string;
  /** Of a deny; default DENY_RULE. */
  readonly reason?: DenyReason;
  readonly note?: string;
}

/** A subject or a resource of which the policy itself knows the attributes. */
export interface PolicyEntity {
  readonly type: string;
  readonly id: string;
  readonly attributes?: Attributes;
}

/** One side of a request, as the rules see it. */
export interface RuleParty {
  readonly type: string;
  readonly id: string;
  /** What the hub knows. */
  readonly stored: Attributes;
  /** What the caller says. */
  readonly sent?: Attributes | undefined;
}

export interface RuleRequest {
  readonly subject: RuleParty;
  readonly resource: RuleParty;
  readonly action: { readonly name: string; readonly properties?: Attributes | undefined };
  readonly context?: Attributes | undefined;
}

/** What a rule said when it was tried. */
export interface RuleTried {
  readonly rule: string;
  readonly fits: boolean;
  /** Why not, in the words of the document: `subject`, `action`, `schedule`, or the condition's attribute. */
  readonly because?: string;
}

export interface CompiledRules {
  readonly count: number;
  /** True when a rule for this type of resource asks for that attribute of the subject. */
  asks(attribute: string): boolean;
  /** Names of the attributes of one side that some rule asks for. */
  askedOf(side: 'subject' | 'resource' | 'action' | 'context'): readonly string[];
  /** True when a rule selects that id of a resource, or compares with it. */
  names(resource: string): boolean;
  /** The rules for a type of resource, in order. */
  forResource(type: string): readonly PolicyRule[];
  first(request: RuleRequest, now: number, tried?: RuleTried[]): PolicyRule | undefined;
}

const NONE: readonly PolicyRule[] = [];

export function compileRules(
  rules: readonly PolicyRule[],
  calendar: CompiledCalendar,
  schedules: ReadonlyMap<string, NamedSchedule>,
): CompiledRules {
  const general = rules.filter(({ resource }) => resource?.type === undefined);
  const byType = new Map<string, readonly PolicyRule[]>();
  for (const { resource } of rules) {
    const type = resource?.type;
    if (type === undefined || byType.has(type)) continue;
    byType.set(
      type,
      rules.filter((rule) => rule.resource?.type === undefined || rule.resource.type === type),
    );
  }
  const asked = new Set(rules.flatMap(({ when = [] }) => when.flatMap(attributesOf)));
  const of = (side: string) =>
    [...asked].filter((path) => path.startsWith(`${side}.`)).map((path) => path.slice(side.length + 1));
  const bySide = {
    subject: of('subject'),
    resource: of('resource'),
    action: of('action'),
    context: of('context'),
  };
  const named = new Set<unknown>(
    rules
      .flatMap(({ resource, when = [] }) => [
        resource?.id,
        ...when
          .filter(({ attribute }) => attribute === 'resource.id')
          .flatMap(({ is, isNot, oneOf }) => [is, isNot, oneOf]),
      ])
      .flat(),
  );
  const forResource = (type: string): readonly PolicyRule[] =>
    rules.length === 0 ? NONE : (byType.get(type) ?? general);
  return {
    count: rules.length,
    asks: (attribute) => asked.has(attribute),
    askedOf: (side) => bySide[side],
    names: (resource) => named.has(resource),
    forResource,
    first(request, now, tried) {
      for (const rule of forResource(request.resource.type)) {
        const because = misfit(rule, request, now, calendar, schedules);
        tried?.push({
          rule: rule.id,
          fits: because === undefined,
          ...(because !== undefined && { because }),
        });
        if (because === undefined) return rule;
      }
      return undefined;
    },
  };
}

function attributesOf({ attribute, memberOf }: Condition): string[] {
  return memberOf === undefined ? [attribute] : [attribute, memberOf];
}

function misfit(
  rule: PolicyRule,
  request: RuleRequest,
  now: number,
  calendar: CompiledCalendar,
  schedules: ReadonlyMap<string, NamedSchedule>,
): string | undefined {
  if (!selects(rule.subject, request.subject)) return 'subject';
  if (!selects(rule.resource, request.resource)) return 'resource';
  if (rule.action !== undefined && !rule.action.includes(request.action.name)) return 'action';
  for (const condition of rule.when ?? []) if (!holds(condition, request)) return condition.attribute;
  if (rule.schedule === undefined) return undefined;
  const schedule = schedules.get(rule.schedule);
  return schedule !== undefined && scheduleCovers(schedule, calendar, now) ? undefined : 'schedule';
}

function selects(selector: Selector | undefined, { type, id }: RuleParty): boolean {
  if (selector === undefined) return true;
  if (selector.type !== undefined && selector.type !== type) return false;
  if (selector.id === undefined) return true;
  return typeof selector.id === 'string' ? selector.id === id : selector.id.includes(id);
}

function holds(condition: Condition, request: RuleRequest): boolean {
  const value = attributeOf(condition.attribute, request);
  if (condition.present !== undefined) return (value !== undefined && value !== '') === condition.present;
  if (condition.is !== undefined) return value === condition.is;
  if (condition.isNot !== undefined) return value !== condition.isNot;
  if (condition.oneOf !== undefined) return condition.oneOf.includes(value as Scalar);
  if (condition.memberOf === undefined || value === undefined) return false;
  const list = attributeOf(condition.memberOf, request);
  return Array.isArray(list) ? list.includes(value) : list === value;
}

/** Own properties only: a caller's `__proto__` is nobody's attribute. */
export function own(bag: Attributes | undefined, name: string): unknown {
  return bag !== undefined && Object.hasOwn(bag, name) ? bag[name] : undefined;
}

export function attributeOf(path: string, request: RuleRequest): unknown {
  const dot = path.indexOf('.');
  const name = path.slice(dot + 1);
  switch (path.slice(0, dot)) {
    case 'subject':
      return ofParty(request.subject, name);
    case 'resource':
      return ofParty(request.resource, name);
    case 'action':
      return name === 'name' ? request.action.name : own(request.action.properties, name);
    case 'context':
      return own(request.context, name);
    default:
      return undefined;
  }
}

function ofParty(party: RuleParty, name: string): unknown {
  if (name === 'id') return party.id;
  if (name === 'type') return party.type;
  return own(party.stored, name) ?? own(party.sent, name);
}
