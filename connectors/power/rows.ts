/**
 * What power vendors say, as parsed and not yet cleaned: row types that the connectors of this folder share, and
 * their JSON Schemas. Figures are texts, as both vendors send them; which unit they have, the mapping decides.
 */

/** One room, with what was read of it. Names are as printed; `path` is the vendor's own identity of the room. */
export interface PowerRoomRow {
  /** Application at the core (aid), or system at the vendor. */
  readonly vendor: string;
  /** Ids of all levels from the area to the room, see {@link roomPath}. */
  readonly path: string;
  readonly area?: string;
  readonly district?: string;
  readonly building?: string;
  readonly floor?: string;
  readonly room?: string;
  /** Cascade: the sentence that holds the number. */
  readonly sentence?: string;
  /** HTTP form: kWh left (剩余电量). */
  readonly sydl?: string;
  /** HTTP form: yuan left (剩余金额). */
  readonly syje?: string;
  /** Yuan for a kWh; "" and "0" mean: not told. */
  readonly price?: string;
  /** When the vendor last read the meter, Asia/Shanghai. */
  readonly readTime?: string;
  /** Set when the vendor refused or could not read the room; there is no reading then. */
  readonly failure?: { readonly code: string; readonly message: string };
}

/** Whether a vendor answered its probe. */
export interface PowerVendorRow {
  readonly vendor: string;
  readonly name: string;
  /**
   * answered; off: the core says that the vendor's system does not answer; network: no connection or no answer in
   * time; not-understood: an answer that is none; refused: an answer that refuses.
   */
  readonly outcome: 'answered' | 'off' | 'network' | 'not-understood' | 'refused';
  readonly code?: string;
}

/** A step of an order. What the upstream said stands in the fields; `order` is what the connector makes of it. */
export interface PowerPurchaseRow {
  readonly vendor: string;
  /** Order number; one order has many rows. */
  readonly orderNo: string;
  /** Number of the step in the upstream's log; absent on the row that says that an order is overdue. */
  readonly seq?: string;
  readonly path: string;
  readonly account?: string;
  readonly amount: string;
  /** What the protocol says that amounts are; the mapping's `amountUnit` overrules it. */
  readonly amountUnit: 'fen' | 'yuan';
  /** kWh. */
  readonly energy?: string;
  /** The upstream's word or code for where the money came from. */
  readonly paySource?: string;
  readonly bankRef?: string;
  /** Refused: the code, and what the person was told. */
  readonly refusalCode?: string;
  readonly refusal?: string;
  /** The upstream's status code. */
  readonly status: string;
  /** `yyyy-MM-dd HH:mm:ss`, Asia/Shanghai. */
  readonly time: string;
  /** Where the order stands after this step (`orders.ts`); absent when the status or the time cannot be read. */
  readonly order?: {
    readonly kind: string;
    readonly state: string;
    readonly at: number;
    readonly debitedAt: number | null;
    readonly dueAt: number | null;
    readonly overdue: boolean;
    readonly contradicted: boolean;
  };
}

/** One line of the mapping table. */
export interface RoomXrefRow {
  readonly codeSystem: string;
  readonly vendorRoom: string;
  readonly roomId: string;
  readonly campus?: string;
  readonly building?: string;
  readonly name?: string;
  /** First and last day, both inclusive; absent: no limit. */
  readonly validFrom?: string;
  readonly validUntil?: string;
}

/**
 * Natural id of a line. Two rooms for one code, or two spans of time, are two lines; the day stands as it is written,
 * so that a line keeps its id.
 */
export function xrefId({ codeSystem, vendorRoom, validFrom = '', roomId }: RoomXrefRow): string {
  return `${codeSystem}/${vendorRoom}@${validFrom}>${roomId}`;
}

/** Ids from the outermost level to the room, joined by `/`; what would be ambiguous in an id is percent-encoded. */
export function roomPath(ids: readonly string[]): string {
  return ids.map((id) => id.replaceAll(/[%/\s\p{C}]/gu, encodeURIComponent)).join('/');
}

/** The ids of a {@link roomPath}. */
export function roomIds(path: string): string[] {
  return path.split('/').map((id) => id.replaceAll(/(?:%[0-9A-F]{2})+/g, decodeURIComponent));
}

const DRAFT = 'https://json-schema.org/draft/2020-12/schema';
const text = (max: number) => ({ type: 'string', maxLength: max }) as const;
const required = (max: number) => ({ type: 'string', minLength: 1, maxLength: max }) as const;
const texts = (max: number, names: readonly string[]) =>
  Object.fromEntries(names.map((name) => [name, text(max)]));

/** Bound on a room's path, so that `{source}:{path}` stays within a key. */
const PATH_MAX = 128;

/** JSON Schema of {@link PowerRoomRow}. */
export const powerRoomRowSchema: Readonly<Record<string, unknown>> = {
  $schema: DRAFT,
  $id: 'https://cardhub.invalid/rows/power/room',
  type: 'object',
  required: ['vendor', 'path'],
  properties: {
    vendor: required(64),
    path: required(PATH_MAX),
    ...texts(128, ['area', 'district', 'building', 'floor', 'room']),
    sentence: text(512),
    ...texts(32, ['sydl', 'syje', 'price', 'readTime']),
    failure: {
      type: 'object',
      required: ['code', 'message'],
      properties: { code: text(64), message: text(512) },
    },
  },
};

/** JSON Schema of {@link PowerVendorRow}. */
export const powerVendorRowSchema: Readonly<Record<string, unknown>> = {
  $schema: DRAFT,
  $id: 'https://cardhub.invalid/rows/power/vendor',
  type: 'object',
  required: ['vendor', 'name', 'outcome'],
  properties: {
    vendor: required(64),
    name: text(128),
    outcome: { enum: ['answered', 'off', 'network', 'not-understood', 'refused'] },
    code: text(64),
  },
};

/** JSON Schema of {@link PowerPurchaseRow}. */
export const powerPurchaseRowSchema: Readonly<Record<string, unknown>> = {
  $schema: DRAFT,
  $id: 'https://cardhub.invalid/rows/power/purchase',
  type: 'object',
  required: ['vendor', 'orderNo', 'path', 'amount', 'amountUnit', 'status', 'time'],
  properties: {
    vendor: required(64),
    orderNo: required(64),
    seq: text(32),
    path: required(PATH_MAX),
    ...texts(64, ['account', 'energy', 'paySource', 'bankRef', 'time']),
    refusalCode: text(32),
    refusal: text(512),
    amount: text(32),
    amountUnit: { enum: ['fen', 'yuan'] },
    status: text(32),
    order: {
      type: 'object',
      required: ['kind', 'state', 'at', 'debitedAt', 'dueAt', 'overdue', 'contradicted'],
      properties: {
        kind: text(32),
        state: text(32),
        at: { type: 'integer' },
        debitedAt: { type: ['integer', 'null'] },
        dueAt: { type: ['integer', 'null'] },
        overdue: { type: 'boolean' },
        contradicted: { type: 'boolean' },
      },
    },
  },
};

/** JSON Schema of {@link RoomXrefRow}. */
export const roomXrefRowSchema: Readonly<Record<string, unknown>> = {
  $schema: DRAFT,
  $id: 'https://cardhub.invalid/rows/power/room-xref',
  type: 'object',
  required: ['codeSystem', 'vendorRoom', 'roomId'],
  properties: {
    codeSystem: required(64),
    vendorRoom: required(PATH_MAX),
    roomId: required(128),
    ...texts(128, ['campus', 'building', 'name']),
    ...texts(32, ['validFrom', 'validUntil']),
  },
};
