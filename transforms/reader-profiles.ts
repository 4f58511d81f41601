/** Reader profiles with a name. Names are stable: they stand in hub.yaml and in `master.door`. */
import { compileProfile } from './card-number.js';
import type { CompiledProfile, ReaderProfile } from './card-number.js';

/**
 * Built-in profiles. The EM names (`8h10d`: 8 hex digits printed as 10 decimal ones, …) are the marks that reader
 * vendors print on the case.
 */
export const BUILT_IN: Readonly<Record<string, ReaderProfile>> = {
  'uid-hex': { base: 'hex', order: 'BE', bytesKept: 'all', separator: ': -' },
  'uid-hex-reversed': { base: 'hex', order: 'LE', bytesKept: 'all', separator: ': -' },
  'uid-hex-bcc': { base: 'hex', order: 'BE', bytesKept: 4, bcc: true, separator: ': -' },
  'dec10-be': { base: 'dec', order: 'BE', bytesKept: 4 },
  'dec10-le': { base: 'dec', order: 'LE', bytesKept: 4 },
  'dec10-be-nozeros': { base: 'dec', order: 'BE', bytesKept: 4, leadingZeros: 'dropped' },
  'dec10-le-nozeros': { base: 'dec', order: 'LE', bytesKept: 4, leadingZeros: 'dropped' },
  'dec17-be': { base: 'dec', order: 'BE', bytesKept: 7 },
  'dec17-le': { base: 'dec', order: 'LE', bytesKept: 7 },
  'dec-signed-be': { base: 'dec', order: 'BE', bytesKept: 4, signed: true },
  'dec-signed-le': { base: 'dec', order: 'LE', bytesKept: 4, signed: true },
  '8h10d': { base: 'dec', order: 'BE', bytesKept: 4, chip: 'other' },
  '6h8d': { base: 'dec', order: 'BE', bytesKept: 3, part: 'low', chip: 'other' },
  '6h8d-le': { base: 'dec', order: 'LE', bytesKept: 3, part: 'low' },
  '2h4h': {
    base: 'dec',
    order: 'BE',
    bytesKept: 3,
    part: 'low',
    form: '3+5',
    separator: ', ',
    chip: 'other',
  },
  '4h4h': { base: 'dec', order: 'BE', bytesKept: 4, form: '5+5', separator: ', ', chip: 'other' },
  /** Exports of unknown readers print this as a number: leading zeros may be gone. */
  'wg26-3-5': {
    base: 'dec',
    order: 'BE',
    bytesKept: 3,
    part: 'unknown',
    form: '3+5',
    leadingZeros: 'dropped',
    separator: ', ',
  },
  'wg26-3-5-be': { base: 'dec', order: 'BE', bytesKept: 3, part: 'first', form: '3+5', separator: ', ' },
  'wg26-3-5-le': { base: 'dec', order: 'LE', bytesKept: 3, part: 'low', form: '3+5', separator: ', ' },
  wg26: { base: 'bin', order: 'BE', bytesKept: 3, part: 'first', separator: ' ' },
  'wg26-le': { base: 'bin', order: 'LE', bytesKept: 3, part: 'low', separator: ' ' },
  wg34: { base: 'bin', order: 'BE', bytesKept: 4, separator: ' ' },
  'wg34-le': { base: 'bin', order: 'LE', bytesKept: 4, separator: ' ' },
  'wg34-number': { base: 'dec', order: 'BE', bytesKept: 4, part: 'unknown' },
  wg37: { base: 'dec', order: 'BE', bytesKept: 4, form: 'wg37' },
};

export interface ProfileCatalogue {
  /** By name; own profiles replace built-in ones of the same name. */
  readonly profiles: ReadonlyMap<string, CompiledProfile>;
  /** One sentence for each own profile that does not fit together; such a profile is left out. */
  readonly errors: readonly string[];
}

/** Built-in profiles and those of `readers.profiles` in hub.yaml (checked by `readerProfileSchema` before). */
export function readerProfiles(own: Readonly<Record<string, ReaderProfile>> = {}): ProfileCatalogue {
  const profiles = new Map<string, CompiledProfile>();
  const errors: string[] = [];
  for (const [name, profile] of [...Object.entries(BUILT_IN), ...Object.entries(own)]) {
    const compiled = compileProfile(name, profile);
    if (compiled.ok) profiles.set(name, compiled.profile);
    else {
      errors.push(compiled.detail);
      profiles.delete(name);
    }
  }
  return { profiles, errors };
}

/** JSON Schema (draft 2020-12) of one entry of `readers.profiles`. */
export const readerProfileSchema: Readonly<Record<string, unknown>> = {
  type: 'object',
  required: ['base', 'order', 'bytesKept'],
  additionalProperties: false,
  properties: {
    base: { enum: ['hex', 'dec', 'bin'] },
    order: { enum: ['BE', 'LE'], description: 'BE: bytes as transmitted; LE: reversed' },
    bytesKept: { enum: [3, 4, 7, 10, 'all'] },
    part: { enum: ['first', 'low', 'unknown'] },
    form: { enum: ['plain', '3+5', '5+5', 'wg37'] },
    width: { type: 'integer', minimum: 1, maximum: 40 },
    leadingZeros: { enum: ['kept', 'dropped'] },
    signed: { type: 'boolean' },
    bcc: { type: 'boolean' },
    separator: { type: 'string', maxLength: 8, pattern: '^[^0-9A-Za-z]*$' },
    chip: { enum: ['14443A', 'other'] },
  },
};
