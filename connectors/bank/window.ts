/**
 * Service windows of banks. Every night from 23:00 to 01:00 there are no transfers, because the books are closed; the
 * stretch is half-open, [23:00, 01:00), in Asia/Shanghai, crosses midnight, and is set for each bank. Whether its
 * ends belong to it is not said by the university's page: half-open is our reading.
 */
export interface ServiceWindow {
  /** Minutes of the day at which transfers stop; inclusive. */
  readonly closesAt: number;
  /** Minutes of the day from which they go again. The same as `closesAt`: never closed. */
  readonly opensAt: number;
}

export const DEFAULT_WINDOW: ServiceWindow = { closesAt: 23 * 60, opensAt: 60 };

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const SHANGHAI_MS = 8 * 3_600_000;

/** `23:00` → minutes of the day; undefined when it is no such time. */
export function minutesOf(text: string): number | undefined {
  const match = /^([01]\d|2[0-3]):([0-5]\d)$/.exec(text);
  return match === null ? undefined : Number(match[1]) * 60 + Number(match[2]);
}

/** When the window that holds this instant ends, epoch ms; null: the bank is open. */
export function closedUntil(ms: number, { closesAt, opensAt }: ServiceWindow): number | null {
  if (closesAt === opensAt) return null;
  const day = Math.floor((ms + SHANGHAI_MS) / DAY_MS) * DAY_MS - SHANGHAI_MS;
  const minute = (ms - day) / MINUTE_MS;
  const crosses = opensAt < closesAt;
  const closed = crosses ? minute >= closesAt || minute < opensAt : minute >= closesAt && minute < opensAt;
  if (!closed) return null;
  return day + opensAt * MINUTE_MS + (crosses && minute >= closesAt ? DAY_MS : 0);
}
