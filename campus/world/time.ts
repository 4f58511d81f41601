/** Times as the two upstreams write them, always Asia/Shanghai (UTC+8, no summer time since 1991). */

const SHANGHAI_MS = 8 * 3_600_000;

function local(ms: number): string {
  return new Date(ms + SHANGHAI_MS).toISOString();
}

/** `2026-09-01T08:00:00.000+08:00` */
export const isoShanghai = (ms: number): string => local(ms).slice(0, 23) + '+08:00';
/** `2026-09-01 08:00:00.000` */
export const stampMs = (ms: number): string => local(ms).slice(0, 23).replace('T', ' ');
/** `2026-09-01 08:00:00` */
export const stamp = (ms: number): string => local(ms).slice(0, 19).replace('T', ' ');
/** `20260901080000` */
export const compact = (ms: number): string => local(ms).slice(0, 19).replace(/[-T:]/g, '');
/** `20260901` */
export const compactDate = (ms: number): string => compact(ms).slice(0, 8);
/** Hour of the day in Shanghai, 0–23. */
export const hourOf = (ms: number): number => Math.floor(((ms + SHANGHAI_MS) % 86_400_000) / 3_600_000);
/** Midnight in Shanghai before this instant. */
export const startOfDay = (ms: number): number =>
  Math.floor((ms + SHANGHAI_MS) / 86_400_000) * 86_400_000 - SHANGHAI_MS;
export const yearOf = (ms: number): number => Number(local(ms).slice(0, 4));
/** `yyyy-MM-dd HH:mm:ss` in Shanghai → epoch ms; null when it is no such time. */
export function parseStamp(text: string): number | null {
  if (!/^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}$/.test(text)) return null;
  const ms = Date.parse(text.replace(' ', 'T') + '+08:00');
  return Number.isNaN(ms) ? null : ms;
}
