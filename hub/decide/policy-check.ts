/** What a JSON Schema cannot say of a policy document: names that point nowhere, days that are none, repeats. */
import { epochDay } from './calendar.js';
import type { DaySpan } from './calendar.js';
import type { PolicyDocument } from './policy.js';

/** One sentence for each problem; empty: none. */
export function documentProblems(document: PolicyDocument): string[] {
  return [...calendarProblems(document), ...scheduleProblems(document), ...ruleProblems(document)];
}

function calendarProblems({ calendar }: PolicyDocument): string[] {
  if (calendar === undefined) return [];
  const problems: string[] = [];
  const check = (place: string, span: DaySpan): void => {
    const [from, until] = [epochDay(span.from), epochDay(span.until)];
    if (Number.isNaN(from) || Number.isNaN(until)) problems.push(`${place}: expected days that exist`);
    else if (from > until) problems.push(`${place}: expected from not after until`);
    else if (from < epochDay(calendar.from) || until > epochDay(calendar.until)) {
      problems.push(`${place}: expected days within the calendar, ${calendar.from} to ${calendar.until}`);
    }
  };
  check('/calendar', calendar);
  for (const name of ['terms', 'holidays', 'examDays'] as const) {
    calendar[name]?.forEach((span, i) => check(`/calendar/${name}/${i}`, span));
  }
  calendar.makeupWorkdays?.forEach(({ day }, i) =>
    check(`/calendar/makeupWorkdays/${i}`, { from: day, until: day }),
  );
  return problems;
}

function scheduleProblems({ calendar, schedules = {}, doors, rules = [] }: PolicyDocument): string[] {
  const problems: string[] = [];
  const known = (place: string, name: string | undefined): void => {
    if (name !== undefined && !Object.hasOwn(schedules, name)) {
      problems.push(`${place}: expected the name of a schedule, came ${name}`);
    }
  };
  known('/doors/default/hours', doors?.default.hours);
  for (const [name, one] of Object.entries(doors?.classes ?? {})) known(`/doors/classes/${name}`, one.hours);
  rules.forEach(({ schedule }, i) => known(`/rules/${i}/schedule`, schedule));
  const terms = new Set(['*', ...(calendar?.terms ?? []).map(({ name }) => name)]);
  for (const [name, spans] of Object.entries(schedules)) {
    spans.forEach((span, i) => {
      const unknown = span.terms?.find((term) => !terms.has(term));
      if (unknown !== undefined) problems.push(`/schedules/${name}/${i}: no term is called ${unknown}`);
      if (span.inTerm === false && span.terms !== undefined) {
        problems.push(`/schedules/${name}/${i}: expected terms or inTerm false, came both`);
      }
    });
  }
  const calendarDays = [doors?.default, ...Object.values(doors?.classes ?? {})];
  if (calendar === undefined && calendarDays.some((one) => one?.grantDays === 'calendar')) {
    problems.push('/doors: expected a calendar where grantDays is calendar');
  }
  return problems;
}

function ruleProblems({ rules = [], entities = [] }: PolicyDocument): string[] {
  const problems: string[] = [];
  const seen = new Set<string>();
  rules.forEach(({ id, effect, reason }, i) => {
    if (seen.has(id)) problems.push(`/rules/${i}/id: expected an id of its own, ${id} came before`);
    if (effect === 'permit' && reason !== undefined) problems.push(`/rules/${i}/reason: only a deny has one`);
    seen.add(id);
  });
  const things = new Set<string>();
  entities.forEach(({ type, id }, i) => {
    const name = JSON.stringify([type, id]);
    if (things.has(name)) problems.push(`/entities/${i}: expected each entity once, ${name} came before`);
    things.add(name);
  });
  return problems;
}
