/** A set of typed arrays that grow together: one row a number, one column a fact about it. */
export type ColumnKind = 'u8' | 'i32' | 'f64';

type ArrayOf<K extends ColumnKind> = K extends 'u8'
  ? Uint8Array
  : K extends 'i32'
    ? Int32Array
    : Float64Array;
export type Columns<S extends Record<string, ColumnKind>> = { [N in keyof S]: ArrayOf<S[N]> };

const MAKE = {
  u8: (length: number) => new Uint8Array(length),
  i32: (length: number) => new Int32Array(length),
  f64: (length: number) => new Float64Array(length),
};

/**
 * Makes the columns; `fill` is what an unset row holds (default 0). `ensure(row)` grows them: read the arrays
 * from `columns` anew after it, since growing replaces them.
 */
export function createColumns<S extends Record<string, ColumnKind>>(
  schema: S,
  fill: { [N in keyof S]?: number } = {},
): { readonly columns: Columns<S>; ensure(row: number): void; readonly heldBytes: number } {
  let capacity = 1_024;
  const columns = {} as Record<string, Uint8Array | Int32Array | Float64Array>;
  const build = (): void => {
    for (const [name, kind] of Object.entries(schema)) {
      const array = MAKE[kind](capacity);
      const value = fill[name];
      const old = columns[name];
      if (value !== undefined) array.fill(value, old?.length ?? 0);
      if (old !== undefined) array.set(old);
      columns[name] = array;
    }
  };
  build();
  return {
    columns: columns as Columns<S>,
    ensure(row) {
      if (row < capacity) return;
      while (row >= capacity) capacity *= 2;
      build();
    },
    get heldBytes() {
      return Object.values(columns).reduce((sum, { byteLength }) => sum + byteLength, 0);
    },
  };
}

/** Ends a list. */
const NONE = -1;

/** Takes `item` out of the singly linked list that starts at `heads[list]`. Lists are short. */
export function unlink(heads: Int32Array, next: Int32Array, list: number, item: number): void {
  let at = heads[list] ?? NONE;
  if (at === item) {
    heads[list] = next[item] ?? NONE;
    return;
  }
  while (at !== NONE) {
    const after = next[at] ?? NONE;
    if (after === item) {
      next[at] = next[item] ?? NONE;
      return;
    }
    at = after;
  }
}
