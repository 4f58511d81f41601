import { cleanText, hasLostCharacters } from './text.js';

/** A person's name as cleaned; `damaged` when characters were lost (mark NAME_REPLACEMENT_CHARACTERS). */
export interface CleanName {
  readonly name: string;
  readonly damaged: boolean;
}

/** The dots that upstreams write in names of non-Han origin; all become U+00B7. */
const DOTS = /[\u2022\u2027\u30fb\uff65\u22c5\u2219]/gu;

/** Cleaned name, or null when the field is empty. Characters are never replaced by a guess. */
export function cleanName(text: string | undefined): CleanName | null {
  if (text === undefined || text === '') return null;
  const clean = cleanText(text);
  if (clean === '') return null;
  const name = clean.replace(DOTS, '·');
  return { name, damaged: hasLostCharacters(name) };
}

/**
 * Masked for showing: `*`, `张*`, `张*三`, `欧**三`. Counts code points (`𠮷` is one, though its JavaScript
 * length is 2). A name with `·` is masked as one whole, dot included, so that its parts do not show.
 */
export function maskName(name: string): string {
  const points = Array.from(name);
  const [first] = points;
  if (first === undefined) return '';
  if (points.length === 1) return '*';
  if (points.length === 2) return `${first}*`;
  return `${first}${'*'.repeat(points.length - 2)}${points[points.length - 1]}`;
}
