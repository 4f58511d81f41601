/** Epoch ms of `yyyy-MM-dd HH:mm:ss[.SSS]` in Asia/Shanghai; undefined: it is no such time. */
export function shanghaiTime(text: unknown): number | undefined {
  if (typeof text !== 'string' || !/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{1,3})?$/.test(text))
    return undefined;
  const at = Date.parse(`${text.replace(' ', 'T')}+08:00`);
  return Number.isNaN(at) ? undefined : at;
}
