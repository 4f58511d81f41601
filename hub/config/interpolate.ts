/** `${NAME}`, `${NAME:-default}`, and `$${` for a literal `${`. A default cannot hold `}`. */
const REFERENCE = /\$\$\{|\$\{([^}]*)\}/g;
const NAME = /^([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/s;

export interface Interpolated {
  readonly text: string;
  /** At least one `${…}` was replaced: the text may be a secret, so messages show the source text instead. */
  readonly replaced: boolean;
  /** Variables that are not set (or empty) and have no default. */
  readonly missing: readonly string[];
  /** References that are not of the form above. */
  readonly malformed: readonly string[];
}

/**
 * Replaces references to environment variables. As in a shell, `:-` gives its default when the variable is
 * unset *or empty*; without a default an empty variable counts as missing, since an empty secret is nearly
 * always a mistake of the deployment.
 */
export function interpolate(text: string, env: Readonly<Record<string, string | undefined>>): Interpolated {
  const missing: string[] = [];
  const malformed: string[] = [];
  let replaced = false;
  const result = text.replace(REFERENCE, (whole: string, inner: string | undefined) => {
    if (inner === undefined) return '${';
    const [, name, fallback] = NAME.exec(inner) ?? [];
    if (name === undefined) {
      malformed.push(whole);
      return whole;
    }
    replaced = true;
    const value = env[name];
    if (value !== undefined && value !== '') return value;
    if (fallback === undefined) missing.push(name);
    return fallback ?? '';
  });
  return { text: result, replaced, missing, malformed };
}
