import { BUILT_IN } from '../../transforms/reader-profiles.js';
import type { SourceDocument } from './document.js';
import { nearest } from './nearest.js';
import type { ConfigProblem } from './types.js';

/**
 * Reader profiles that the options of a source name (`credentials[].profile`, `constants.credentialProfile`) must exist:
 * with one that does not, every number would be refused and every swipe be by an unknown card, without an error.
 */
export function checkProfiles(document: SourceDocument): ConfigProblem[] {
  const data = block(document.data);
  const known = [...Object.keys(BUILT_IN), ...Object.keys(block(block(data['readers'])['profiles']))];
  return Object.entries(block(data['sources'])).flatMap(([source, of]) =>
    named(block(of)['options'], ['sources', source, 'options']).flatMap(({ path, name }) => {
      if (known.includes(name)) return [];
      const guess = nearest(name, known);
      return {
        code: 'UNKNOWN_REFERENCE' as const,
        ...document.place(path, 'value'),
        path: path.join('.'),
        message: `expected a reader profile here; ${JSON.stringify(name)} is neither built in nor under readers.profiles`,
        hint: guess === undefined ? `one of: ${known.join(', ')}` : `did you mean "${guess}"?`,
      };
    }),
  );
}

/** Where a profile is named, at any depth of the options. */
function named(value: unknown, path: readonly string[]): { path: string[]; name: string }[] {
  if (Array.isArray(value)) return value.flatMap((item, i) => named(item, [...path, String(i)]));
  return Object.entries(block(value)).flatMap(([key, inner]) => {
    const at = [...path, key];
    const isProfile =
      (key === 'profile' && path.at(-2) === 'credentials') ||
      (key === 'credentialProfile' && path.at(-1) === 'constants');
    if (isProfile && typeof inner === 'string') return [{ path: at, name: inner }];
    return named(inner, at);
  });
}

function block(value: unknown): Record<string, unknown> {
  const isBlock = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isBlock ? (value as Record<string, unknown>) : {};
}
