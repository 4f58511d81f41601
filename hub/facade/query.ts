import type { Context } from 'hono';

/**
 * A parameter of the query that this path knows. Sent twice nobody could say which one counts, so that is refused; parameters
 * that a path does not know are not looked at.
 * @param read what the text means; undefined: nothing that fits
 * @param expected for the sentence, e.g. `a whole number`
 */
export function queryOf<T>(
  c: Context,
  name: string,
  read: (text: string) => T | undefined,
  expected: string,
): { readonly ok: true; readonly value: T | undefined } | { readonly ok: false; readonly detail: string } {
  const [sent, ...more] = c.req.queries(name) ?? [];
  if (more.length > 0) return { ok: false, detail: `${name}: expected once, came more than once` };
  const value = sent === undefined ? undefined : read(sent);
  if (sent !== undefined && value === undefined)
    return { ok: false, detail: `${name}: expected ${expected}` };
  return { ok: true, value };
}
