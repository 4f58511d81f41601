/** Opening hours in words: `1-7 05:00-16:30; 6,7 09:00-12:00` (1 is Monday) → spans of the week. */
import type { ScheduleSpan } from '../contracts/types.js';
import { reject } from './fields.js';
import { foldWidth } from './text.js';

const SPAN = /^([1-7](?:[-,][1-7])*) (\d\d):(\d\d)-(\d\d):(\d\d)$/u;
const SPANS_MAX = 21;

/** Empty: not stated. Hours that cannot be read reject the row: a machine that is shut must not look open. */
export function hoursOf(text: string | undefined, path: string): ScheduleSpan[] {
  const words = foldWidth(text ?? '')
    .split(';')
    .map((part) => part.trim());
  const parts = words.filter((part) => part !== '');
  if (parts.length > SPANS_MAX) reject('TOO_LARGE', path, `expected at most ${SPANS_MAX} spans`);
  return parts.map((part) => {
    const match = SPAN.exec(part);
    if (match === null) return bad(path);
    const [, days = '', fromHour = '', fromMinute = '', untilHour = '', untilMinute = ''] = match;
    if (minutes(fromHour, fromMinute) >= 1440 || minutes(untilHour, untilMinute) > 1440) return bad(path);
    return {
      days: daysOf(days),
      from: `${fromHour}:${fromMinute}`,
      until: `${untilHour}:${untilMinute}`,
    };
  });
}

const bad = (path: string): never =>
  reject('TIME_INVALID', path, 'expected hours such as "1-7 05:00-16:30", parted by ";"');

const minutes = (hour: string, minute: string): number =>
  Number(minute) < 60 ? Number(hour) * 60 + Number(minute) : Infinity;

function daysOf(text: string): number[] {
  const days = new Set<number>();
  for (const part of text.split(',')) {
    const [from = 0, until = from] = part.split('-').map(Number);
    for (let day = from; day <= until; day += 1) days.add(day);
  }
  return [...days].sort((a, b) => a - b);
}
