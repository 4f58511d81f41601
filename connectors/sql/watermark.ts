/**
 * Watermarks are compared by the database and only shifted here: a row may become visible after a younger one
 * (its transaction took longer), so each poll begins a little before the last one ended.
 */

/** How far back a poll begins: in the time of the column, or in ids that are drawn before they are committed. */
export type Overlap =
  { readonly of: 'time'; readonly seconds: number } | { readonly of: 'id'; readonly ids: number };

/** Times in text whose order as text is their order in time. The zone of a text without one is Asia/Shanghai. */
const SHAPES: readonly { readonly pattern: RegExp; readonly write: (iso: string, text: string) => string }[] =
  [
    {
      // 2026-11-23 13:40:00[.123456][+08:00], or with a T
      pattern: /^(\d{4})-(\d\d)-(\d\d)[ T](\d\d):(\d\d):(\d\d)(\.\d{1,9})?([+-]\d\d:\d\d|Z)?$/,
      write: (iso, text) => `${iso.slice(0, 10)}${text[10] ?? ' '}${iso.slice(11, 19)}${text.slice(19)}`,
    },
    {
      // 20261123134000[123]
      pattern: /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d{3})?$/,
      write: (iso, text) => `${iso.slice(0, 19).replace(/\D/g, '')}${text.slice(14)}`,
    },
    {
      // 2026/11/23 13:40:00
      pattern: /^(\d{4})\/(\d\d)\/(\d\d) (\d\d):(\d\d):(\d\d)$/,
      write: (iso) => iso.slice(0, 19).replaceAll('-', '/').replace('T', ' '),
    },
  ];

/** Seconds (10 digits) or milliseconds (13) since 1970. */
const EPOCH = /^(\d{10}|\d{13})$/;
const ID = /^\d{1,18}$/;

/**
 * From where the next poll reads, given the last watermark seen: `overlap` before it, and before the database's
 * own clock too, or one row with a time of 2099 would hide all others. The answer has the shape of `text`.
 * @returns undefined when the text is neither a time of a known shape nor an id
 */
export function readAgainFrom(text: string, overlap: Overlap, nowMs: number): string | undefined {
  if (overlap.of === 'id') {
    if (!ID.test(text)) return undefined;
    const shifted = BigInt(text) - BigInt(overlap.ids);
    return String(shifted > 0n ? shifted : 0n);
  }
  if (EPOCH.test(text)) {
    const scale = text.length === 10 ? 1_000 : 1;
    const ms = Math.min(Number(text) * scale, nowMs) - overlap.seconds * 1_000;
    return String(Math.floor(ms / scale));
  }
  for (const { pattern, write } of SHAPES) {
    const match = pattern.exec(text);
    if (match === null) continue;
    const [, year = 0, month = 0, day, hour, minute, second] = match.map(Number);
    const wall = Date.UTC(year, month - 1, day, hour, minute, second);
    const ms = Math.min(wall, nowMs + offsetOf(match[8])) - overlap.seconds * 1_000;
    return ms === wall ? text : write(new Date(Math.floor(ms / 1_000) * 1_000).toISOString(), text);
  }
  return undefined;
}

const SHANGHAI_MS = 8 * 3_600_000;

function offsetOf(text: string | undefined): number {
  if (text === undefined) return SHANGHAI_MS;
  if (text === 'Z') return 0;
  const [hours = 0, minutes = 0] = text.slice(1).split(':').map(Number);
  return (text.startsWith('-') ? -1 : 1) * (hours * 60 + minutes) * 60_000;
}
