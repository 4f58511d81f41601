import type { Header, MadeRow, RowMaker } from '../sdk-files.js';
import { ConnectorError } from '../sdk.js';
import type { GrantSchedule } from './rows.js';

/**
 * Rows of doors, grants and swipes out of the columns of a file. What cannot be read as the field's type is left
 * as the text that it is: the stream's row schema then refuses the row, with the field's path.
 */

/** An address such as `第六教学楼[进门]` that names the door and the direction. */
export interface AddressOptions {
  /** Regular expression with the named groups `door` and, where it has one, `direction`. */
  readonly pattern: string;
  readonly directions?: Readonly<Record<string, 'enter' | 'exit'>>;
}

export const doorColumns = [
  'id',
  'name',
  'class',
  'building',
  'campus',
  'groups',
  'readerProfile',
  'auditRequired',
  'state',
  'version',
] as const;
export type DoorColumn = (typeof doorColumns)[number];

export const grantColumns = [
  'id',
  'subjectType',
  'subject',
  'resourceType',
  'resource',
  'direction',
  'validFrom',
  'validUntil',
  'state',
  'schedule',
  'version',
] as const;
export type GrantColumn = (typeof grantColumns)[number];

/** The header that `cardhub grants propose` writes; other columns (evidence) may stand beside these. */
export const proposedGrantColumns: Readonly<Partial<Record<GrantColumn, string>>> = {
  id: 'grant_id',
  subjectType: 'subject_type',
  subject: 'subject',
  resourceType: 'resource_type',
  resource: 'resource',
  direction: 'direction',
  validFrom: 'valid_from',
  validUntil: 'valid_until',
  state: 'state',
  schedule: 'schedule',
};

export const swipeColumns = [
  'id',
  'door',
  'controllerId',
  'index',
  'credential',
  'credentialProfile',
  'direction',
  'granted',
  'reason',
  'occurredAt',
  'uploadedAt',
] as const;
export type SwipeColumn = (typeof swipeColumns)[number];

export interface MakerOptions<Column extends string> {
  readonly columns: Readonly<Partial<Record<Column, string>>>;
  readonly constants?: Readonly<Partial<Record<Column, string>>> | undefined;
  readonly address?: AddressOptions | undefined;
}

/** Value of a column in a row: the column's text, else the constant; "" counts as absent. */
type Cell<Column extends string> = (fields: readonly string[], column: Column) => string | undefined;

function cells<Column extends string>(
  options: MakerOptions<Column>,
  header: Header,
  stream: string,
): Cell<Column> {
  const at = new Map<string, number>();
  for (const [column, name] of Object.entries(options.columns) as [Column, string][]) {
    at.set(column, header.column(name, `${stream}.columns.${column}`));
  }
  const constants = (options.constants ?? {}) as Readonly<Record<string, string | undefined>>;
  return (fields, column) => {
    const index = at.get(column);
    const text = index === undefined ? undefined : fields[index];
    return text === undefined || text.trim() === '' ? constants[column] : text;
  };
}

/** Leaves out what is absent. */
function present(row: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const data: Record<string, unknown> = {};
  for (const key in row) if (row[key] !== undefined) data[key] = row[key];
  return data;
}

const TRUE = new Set(['1', 'true', 'yes', 'y', '是']);
const FALSE = new Set(['0', 'false', 'no', 'n', '否']);

function flag(text: string | undefined): boolean | string | undefined {
  const word = text?.trim().toLowerCase();
  if (word === undefined) return undefined;
  return TRUE.has(word) ? true : FALSE.has(word) ? false : text;
}

function version(text: string | undefined): number | string | undefined {
  return text !== undefined && /^\d{1,15}$/.test(text.trim()) ? Number(text) : text;
}

const SPAN = /^([1-7](?:[-,][1-7])*)\s+([0-2]\d:[0-5]\d)-([0-2]\d:[0-5]\d)$/;

/**
 * `1-5 08:00-22:00; 6,7 09:00-18:00` (1 is Monday; several spans are parted by `;`). Undefined: always.
 * A text of another form comes back as it is.
 */
export function parseSchedule(text: string | undefined): GrantSchedule[] | string | undefined {
  if (text === undefined) return undefined;
  const spans: GrantSchedule[] = [];
  for (const part of text.split(';').map((span) => span.trim())) {
    if (part === '') continue;
    const match = SPAN.exec(part);
    if (match === null) return text;
    const [, days, from, until] = match as unknown as [string, string, string, string];
    spans.push({ days: daysOf(days), from, until });
  }
  return spans;
}

function daysOf(text: string): number[] {
  const days = new Set<number>();
  for (const part of text.split(',')) {
    const [first, last = first] = part.split('-').map(Number) as [number, number?];
    for (let day = first; day <= last; day++) days.add(day);
  }
  return [...days].sort();
}

interface Address {
  readonly door: string;
  readonly direction: string | undefined;
}

function addressReader(options: AddressOptions | undefined, stream: string): (text: string) => Address {
  if (options === undefined) return (text) => ({ door: text, direction: undefined });
  let pattern: RegExp;
  try {
    pattern = new RegExp(options.pattern, 'u');
  } catch (cause) {
    const { message } = cause as Error;
    throw new ConnectorError('CONFIG', `option ${stream}.address.pattern: ${message}`, 'never', { cause });
  }
  const known = new Map<string, Address>();
  return (text) => {
    const before = known.get(text);
    if (before !== undefined) return before;
    // Bounded, so that a careless pattern cannot be made to run for ever by a long text.
    const groups = text.length > 256 ? undefined : pattern.exec(text)?.groups;
    const word = groups?.['direction'];
    const address = {
      door: groups?.['door'] ?? text,
      direction: word === undefined ? undefined : (options.directions?.[word] ?? word),
    };
    if (known.size < 10_000) known.set(text, address);
    return address;
  };
}

export function doorMaker(options: MakerOptions<DoorColumn>): RowMaker {
  const address = addressReader(options.address, 'doors');
  return (header) => {
    const cell = cells(options, header, 'doors');
    return (fields): MadeRow => {
      const text = cell(fields, 'id');
      const id = text === undefined ? undefined : address(text).door;
      const data = present({
        id,
        name: cell(fields, 'name') ?? id,
        class: cell(fields, 'class'),
        building: cell(fields, 'building'),
        campus: cell(fields, 'campus'),
        groups: cell(fields, 'groups')
          ?.split(';')
          .map((group) => group.trim())
          .filter((group) => group !== ''),
        readerProfile: cell(fields, 'readerProfile'),
        auditRequired: flag(cell(fields, 'auditRequired')),
        state: cell(fields, 'state'),
        version: version(cell(fields, 'version')),
      });
      return { id, data };
    };
  };
}

export function grantMaker(options: MakerOptions<GrantColumn>): RowMaker {
  return (header) => {
    const cell = cells(options, header, 'grants');
    return (fields): MadeRow => {
      const id = cell(fields, 'id');
      const data = present({
        id,
        subject: present({ type: cell(fields, 'subjectType'), id: cell(fields, 'subject') }),
        resource: present({ type: cell(fields, 'resourceType'), id: cell(fields, 'resource') }),
        direction: cell(fields, 'direction'),
        validFrom: cell(fields, 'validFrom'),
        validUntil: cell(fields, 'validUntil'),
        schedule: parseSchedule(cell(fields, 'schedule')),
        state: cell(fields, 'state'),
        version: version(cell(fields, 'version')),
      });
      return { id, data };
    };
  };
}

/** @param key columns that together name an event; empty: `columns.id`, else the row's content */
export function swipeMaker(options: MakerOptions<SwipeColumn>, key: readonly string[]): RowMaker {
  const address = addressReader(options.address, 'swipes');
  return (header) => {
    const cell = cells(options, header, 'swipes');
    const keyAt = key.map((name) => header.column(name, 'swipes.key'));
    return (fields, contentKey): MadeRow => {
      const keyed = keyAt.length > 0 ? keyAt.map((at) => fields[at]).join('-') : undefined;
      const id = keyed ?? cell(fields, 'id');
      const place = address(cell(fields, 'door') ?? '');
      const data = present({
        id,
        doorId: place.door,
        controllerId: cell(fields, 'controllerId'),
        index: cell(fields, 'index'),
        credential: present({
          profile: cell(fields, 'credentialProfile'),
          value: cell(fields, 'credential') ?? '',
        }),
        direction: cell(fields, 'direction') ?? place.direction,
        granted: cell(fields, 'granted'),
        reason: cell(fields, 'reason'),
        occurredAt: cell(fields, 'occurredAt'),
        uploadedAt: cell(fields, 'uploadedAt'),
        contentKey: id === undefined ? contentKey : undefined,
      });
      return { id: id ?? contentKey, data };
    };
  };
}
