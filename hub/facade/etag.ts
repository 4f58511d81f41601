/**
 * Whether a client holds what `etag` names already (RFC 9110, 13.1.2): `If-None-Match` is `*` or a list of entity tags, and
 * they are compared weakly, so that a tag which a proxy on the way made weak still counts.
 * @param ifNoneMatch as it came; what is no entity tag in it matches nothing
 */
export function isHeld(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  if (ifNoneMatch.trim() === '*') return true;
  const own = opaque(etag);
  return (ifNoneMatch.match(TAGS) ?? []).some((tag) => opaque(tag) === own);
}

const TAGS = /(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"/g;
const opaque = (tag: string): string => (tag.startsWith('W/') ? tag.slice(2) : tag);
