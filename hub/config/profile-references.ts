import { BUILT_IN } from '../../transforms/reader-profiles.js';
import type { SourceDocument } from './document.js';
import { asBlock, checkReference } from './refer.js';
import type { ConfigProblem } from './types.js';

/**
 * What the options and the mapping of a source name must exist: reader profiles (`credentials[].profile`,
 * `constants.credentialProfile`), and the sources whose cards and people it speaks of (`cardSource`, `personSource`).
 * With one that does not, every number would be refused, or every swipe be by an unknown card, without an error.
 */
export function checkProfiles(document: SourceDocument): ConfigProblem[] {
  const data = asBlock(document.data);
  const sources = asBlock(data['sources']);
  const profiles = [...Object.keys(BUILT_IN), ...Object.keys(asBlock(asBlock(data['readers'])['profiles']))];
  return Object.entries(sources).flatMap(([source, given]) => {
    const { options, mapping } = asBlock(given);
    return [
      ...named(options, ['sources', source, 'options'], isProfile).map((at) => ({
        ...{ ...at, known: profiles, what: 'a reader profile here, built in or under readers.profiles' },
      })),
      ...named(mapping, ['sources', source, 'mapping'], isSource).map((at) => ({
        ...{ ...at, known: Object.keys(sources), what: 'the name of a source here' },
      })),
    ].flatMap((reference) => checkReference(document, reference));
  });
}

function isProfile(key: string, path: readonly string[]): boolean {
  return (
    (key === 'profile' && path.at(-2) === 'credentials') ||
    (key === 'credentialProfile' && path.at(-1) === 'constants')
  );
}

function isSource(key: string): boolean {
  return key === 'cardSource' || key === 'personSource';
}

/** Where such a name stands, at any depth. */
function named(
  value: unknown,
  path: readonly string[],
  is: (key: string, path: readonly string[]) => boolean,
): { path: string[]; name: string }[] {
  if (Array.isArray(value)) return value.flatMap((item, i) => named(item, [...path, String(i)], is));
  return Object.entries(asBlock(value)).flatMap(([key, inner]) => {
    const at = [...path, key];
    return is(key, path) && typeof inner === 'string' ? [{ path: at, name: inner }] : named(inner, at, is);
  });
}
