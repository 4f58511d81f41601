/**
 * The table of a topic, derived from its contract: one column for each field, records flattened, lists as JSON,
 * comments in Chinese. Restricted fields (ODCS `classification`) have no column unless the agreement names them.
 *
 *   hub_id         primary key: the record's key (state topics) or the event's id (event topics)
 *   hub_key        event topics: the record's key
 *   …              the fields of the contract, in snake_case
 *   hub_partition, hub_offset, hub_time, hub_load   where the row stands on the log
 */

export type ColumnType =
  'text' | 'long' | 'int' | 'double' | 'boolean' | 'timestamp' | 'date' | 'bytes' | 'json';

export interface SinkColumn {
  readonly name: string;
  /** Where the value stands in the decoded record; empty for the hub's own columns. */
  readonly path: readonly string[];
  readonly type: ColumnType;
  readonly comment: string;
}

export interface SinkTable {
  readonly topic: string;
  readonly kind: 'state' | 'event';
  readonly name: string;
  readonly comment: string;
  /** The hub's own first, of which `hub_id` is the first of all. */
  readonly columns: readonly SinkColumn[];
  /** Fields that the contract has and the table has not. */
  readonly left: readonly string[];
}

export type AvroNode =
  | string
  | readonly AvroNode[]
  | {
      readonly type: AvroNode;
      readonly name?: string;
      readonly namespace?: string;
      readonly doc?: string;
      readonly logicalType?: string;
      readonly fields?: readonly { readonly name: string; readonly doc?: string; readonly type: AvroNode }[];
    };

export interface TableInput {
  readonly topic: string;
  readonly kind: 'state' | 'event';
  readonly schema: AvroNode;
  /** Class of a field by its path (`holder.key`, `credentials.value`). */
  readonly classes: ReadonlyMap<string, string>;
  /** Restricted fields that the agreement names. */
  readonly named: readonly string[];
  /** Before the table's name. */
  readonly prefix: string;
}

const own = (name: string, type: ColumnType, comment: string): SinkColumn => ({
  name,
  path: [],
  type,
  comment,
});

const HEAD = {
  state: [own('hub_id', 'text', '主键：记录键')],
  event: [own('hub_id', 'text', '主键：事件编号'), own('hub_key', 'text', '记录键')],
};

const PLACE: readonly SinkColumn[] = [
  own('hub_partition', 'int', '主题分区'),
  own('hub_offset', 'long', '分区内位移'),
  own('hub_time', 'timestamp', '上游发生或生效时间'),
  own('hub_load', 'int', '装载批次，重新装载时加一'),
];

/** @throws TypeError for a name in the agreement that the contract has not, or that is not restricted */
export function sinkTable(input: TableInput): SinkTable {
  const named = new Set(input.named);
  const left: string[] = [];
  const columns: SinkColumn[] = [];
  const walk = (
    node: AvroNode,
    path: readonly string[],
    comment: string,
    types: Map<string, AvroNode>,
  ): void => {
    const plain = unwrap(node, types);
    if (typeof plain === 'object' && 'fields' in plain && plain.fields !== undefined) {
      for (const field of plain.fields) {
        const deeper = [...path, field.name];
        const words = path.length === 0 ? '' : `${comment}：`;
        walk(field.type, deeper, words + chineseOf(field.doc ?? field.name), types);
      }
      return;
    }
    const dotted = path.join('.');
    if (isRestricted(dotted, input.classes) && !isNamed(path, named)) {
      left.push(dotted);
      return;
    }
    columns.push({ name: path.map(snake).join('_'), path, type: columnType(plain), comment });
  };
  walk(input.schema, [], '', new Map());
  refuseUnknown(input, columns);
  const doc = typeof input.schema === 'object' && 'doc' in input.schema ? (input.schema.doc ?? '') : '';
  return {
    topic: input.topic,
    kind: input.kind,
    name: input.prefix + snake(input.topic.replaceAll(/[.-]/g, '_')),
    comment: `${chineseOf(doc)}（主题 ${input.topic}，由 Cardhub 写入，请勿修改）`,
    columns: [...HEAD[input.kind], ...columns, ...PLACE],
    left,
  };
}

function refuseUnknown({ topic, named, classes }: TableInput, columns: readonly SinkColumn[]): void {
  for (const name of named) {
    const covers = columns.some(({ path }) => path.length > 0 && isNamed(path, new Set([name])));
    if (!covers) throw new TypeError(`the agreement names ${topic}/${name}, which the contract has not`);
    if (!isRestricted(name, classes)) {
      throw new TypeError(`the agreement names ${topic}/${name}, which is not restricted and comes anyway`);
    }
  }
}

const isNamed = (path: readonly string[], named: ReadonlySet<string>): boolean =>
  path.some((_, i) => named.has(path.slice(0, i + 1).join('.')));

/** A list is restricted as a whole when a part of it is: its column would show that part too. */
function isRestricted(path: string, classes: ReadonlyMap<string, string>): boolean {
  for (const [field, its] of classes) {
    if (its !== 'restricted') continue;
    if (field === path || field.startsWith(`${path}.`) || path.startsWith(`${field}.`)) return true;
  }
  return false;
}

/** The type behind `["null", T]` and behind a name that was defined earlier. */
function unwrap(node: AvroNode, types: Map<string, AvroNode>): Exclude<AvroNode, readonly AvroNode[]> {
  if (typeof node === 'string') {
    const known = types.get(node.split('.').at(-1) ?? node);
    return known === undefined ? node : unwrap(known, types);
  }
  if (Array.isArray(node)) {
    const rest = (node as readonly AvroNode[]).filter((branch) => branch !== 'null');
    if (rest.length !== 1) return { type: 'map' };
    return unwrap(rest[0] as AvroNode, types);
  }
  const record = node as Exclude<AvroNode, string | readonly AvroNode[]>;
  if (record.name !== undefined) types.set(record.name, record);
  return record;
}

function columnType(node: Exclude<AvroNode, readonly AvroNode[]>): ColumnType {
  const type = typeof node === 'string' ? node : node.type;
  const logical = typeof node === 'string' ? undefined : node.logicalType;
  if (logical === 'timestamp-millis') return 'timestamp';
  if (logical === 'date') return 'date';
  switch (type) {
    case 'string':
    case 'enum':
      return 'text';
    case 'long':
      return 'long';
    case 'int':
      return 'int';
    case 'float':
    case 'double':
      return 'double';
    case 'boolean':
      return 'boolean';
    case 'bytes':
    case 'fixed':
      return 'bytes';
    default:
      return 'json';
  }
}

/** `credentialPseudonym` → `credential_pseudonym`. */
export function snake(name: string): string {
  return name.replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2').toLowerCase();
}

const CJK = /[\u4e00-\u9fff]/;

/** The Chinese words that end a doc text; the whole text where it has none. */
export function chineseOf(doc: string): string {
  const sentences = doc.split(/(?<=[.;!?])\s+/);
  const first = sentences.findIndex(
    (sentence, i) => sentences.slice(i).every((each) => CJK.test(each)) && sentence !== '',
  );
  return first < 0 ? doc : sentences.slice(first).join(' ');
}
