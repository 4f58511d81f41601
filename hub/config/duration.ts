const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

const UNIT_BYTES: Readonly<Record<string, number>> = {
  KB: 1024,
  MB: 1024 ** 2,
  GB: 1024 ** 3,
  TB: 1024 ** 4,
};

/** Milliseconds of `500ms`, `5s`, `10m`, `6h`, `30d`; undefined when it is not of that form. */
export function parseDuration(text: string): number | undefined {
  return parseWithUnit(text, /^([0-9]{1,9})(ms|s|m|h|d)$/, UNIT_MS);
}

/** Bytes of `512MB`, `64GB` (1 KB = 1,024 bytes); undefined when it is not of that form. */
export function parseSize(text: string): number | undefined {
  return parseWithUnit(text, /^([0-9]{1,9})(KB|MB|GB|TB)$/, UNIT_BYTES);
}

function parseWithUnit(
  text: string,
  form: RegExp,
  units: Readonly<Record<string, number>>,
): number | undefined {
  const [, digits, unit] = form.exec(text) ?? [];
  if (digits === undefined || unit === undefined) return undefined;
  const factor = units[unit];
  return factor === undefined ? undefined : Number(digits) * factor;
}
