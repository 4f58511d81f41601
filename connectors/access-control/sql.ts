import type { JsonSchema } from '../sdk.js';
import { sqlConnector } from '../sql/connector.js';
import type { SqlStreamOptions } from '../sql/options.js';
import { accessFilesSpec } from './files.js';
import {
  doorMaker,
  grantMaker,
  swipeMaker,
  type AddressOptions,
  type DoorColumn,
  type GrantColumn,
  type MakerOptions,
  type SwipeColumn,
} from './file-rows.js';
import { doorsStream, grantsStream, swipesStream } from './spec.js';

const rest = { listing: null, feed: false, delivery: '', pollMsDefault: 0 };
type Profile = { readonly properties: Readonly<Record<string, JsonSchema>> };
const files = accessFilesSpec.options['properties'] as Readonly<
  Record<'doors' | 'grants' | 'swipes', Profile>
>;

/** The file connector's options of these names; `columns` without the defaults that are about its own files. */
function profile(
  stream: keyof typeof files,
  names: readonly string[],
  required: readonly string[],
): JsonSchema {
  const { properties } = files[stream];
  const columns: JsonSchema = { ...properties['columns'], required };
  const { default: _, ...own } = columns;
  return { ...Object.fromEntries(names.map((name) => [name, properties[name]])), columns: own };
}

const address = (options: SqlStreamOptions): AddressOptions | undefined =>
  (options as { readonly address?: AddressOptions }).address;

const makerOptions = <Column extends string>(options: SqlStreamOptions): MakerOptions<Column> => ({
  columns: options.columns as MakerOptions<Column>['columns'],
  constants: options.constants as MakerOptions<Column>['constants'],
  address: address(options),
});

/** `access-control/sql`: the same columns as `access-control/files`. */
export const accessSql = sqlConnector({
  system: 'access-control',
  title: { en: 'Access control', zh: '门禁系统' },
  streams: [
    {
      spec: doorsStream(rest),
      idField: 'id',
      description: 'Doors: one row for each door.',
      options: profile('doors', ['constants', 'address'], []),
      plainId: (options) => address(options) === undefined,
      maker: (options) => doorMaker(makerOptions<DoorColumn>(options)),
    },
    {
      spec: grantsStream(rest),
      idField: 'id',
      description:
        'Grants and memberships. schedule is written as "1-5 08:00-22:00; 6,7 09:00-18:00" (1 is Monday; empty: always).',
      options: profile('grants', ['constants'], ['subject', 'resource']),
      maker: (options) => grantMaker(makerOptions<GrantColumn>(options)),
    },
    {
      spec: swipesStream(rest),
      idField: 'id',
      description: 'Door events: one row for each.',
      options: profile('swipes', ['constants', 'address'], ['door', 'credential', 'occurredAt']),
      maker: (options) => swipeMaker(makerOptions<SwipeColumn>(options), []),
    },
  ],
});
