/**
 * What a power vendor's sentence says is left. Each group of buildings has a sentence of its own, and the number may
 * be energy, subsidised energy or money: only the words around it tell. So a sentence is compared as a whole with a
 * template; a number is never picked out of a text that is not understood.
 *
 * A template is the sentence with `{energyKwh}`, `{subsidyKwh}` or `{yuan}` where the numbers stand. Width, script
 * (of the words that upstream messages use) and blanks do not count.
 */
import { parseScaled } from './decimal.js';
import { comparableMessage } from './text.js';

export interface Reading {
  readonly energyWh: number | null;
  readonly subsidyWh: number | null;
  readonly fen: number | null;
}

/** Sentences that name word and unit, or that are known to mean one; others must be configured. */
export const KNOWN_SENTENCES: readonly string[] = [
  '房间当前剩余电量{energyKwh}',
  '剩余电量{energyKwh}度',
  '剩余电量:{energyKwh}度',
  '房间剩余金额{yuan}元',
  '剩余金额:{yuan}元',
  '剩余购电量{energyKwh}度,剩余补助电量{subsidyKwh}度',
];

const FIELDS = ['energyKwh', 'subsidyKwh', 'yuan'] as const;
type Field = (typeof FIELDS)[number];
/** To watt-hours and to fen. */
const SHIFT: Readonly<Record<Field, number>> = { energyKwh: 3, subsidyKwh: 3, yuan: 2 };

export interface SentenceReader {
  /** Undefined: the sentence is none of these. */
  read(sentence: string): Reading | undefined;
}

/** Words of a sentence that says that there is no reading. */
const TROUBLE = /故障|超时|异常|失败|离线|繁忙|维护|无法/u;

export const saysTrouble = (sentence: string): boolean => TROUBLE.test(comparableMessage(sentence));

interface Template {
  readonly pattern: RegExp;
  readonly fields: readonly Field[];
}

/** @param decimals so many decimals each number must have; undefined: any number of them that the unit can hold */
export function sentenceReader(templates: readonly string[], decimals?: number): SentenceReader {
  const number = decimals === undefined ? '-?\\d+(?:\\.\\d+)?' : `-?\\d+${decimalsOf(decimals)}`;
  const compiled = templates.map((text): Template => {
    const pieces = text.split(/\{(\w+)\}/u);
    const fields = pieces.filter((_, i) => i % 2 === 1) as Field[];
    const source = pieces
      .map((piece, i) => (i % 2 === 1 ? `(${number})` : escape(comparableMessage(piece))))
      .join('');
    return { pattern: new RegExp(`^${source}$`, 'u'), fields };
  });
  return {
    read(sentence) {
      const text = comparableMessage(sentence);
      for (const { pattern, fields } of compiled) {
        const match = pattern.exec(text);
        if (match !== null) return figures(fields, match.slice(1));
      }
      return undefined;
    },
  };
}

const decimalsOf = (count: number): string => (count === 0 ? '' : `\\.\\d{${count}}`);
const escape = (text: string): string => text.replaceAll(/[\\^$.*+?()[\]{}|/-]/gu, '\\$&');

function figures(fields: readonly Field[], numbers: readonly string[]): Reading | undefined {
  const values = fields.map((field, i) => parseScaled(numbers[i] ?? '', SHIFT[field]));
  if (values.includes(undefined)) return undefined;
  const of = (field: Field): number | null => values[fields.indexOf(field)] ?? null;
  return { energyWh: of('energyKwh'), subsidyWh: of('subsidyKwh'), fen: of('yuan') };
}

/** Why a template cannot be used; undefined: it can. */
export function templateProblem(text: string): string | undefined {
  const fields = [...text.matchAll(/\{(\w+)\}/gu)].map(([, field]) => field ?? '');
  const unknown = fields.find((field) => !(FIELDS as readonly string[]).includes(field));
  if (unknown !== undefined) return `expected {energyKwh}, {subsidyKwh} or {yuan}, came {${unknown}}`;
  if (fields.length === 0) return 'expected {energyKwh}, {subsidyKwh} or {yuan} where the number stands';
  return new Set(fields).size === fields.length ? undefined : 'a number is named twice';
}
