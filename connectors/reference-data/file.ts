import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import {
  ConnectorError,
  type Connector,
  type ConnectorContext,
  type ConnectorFactory,
  type ConnectorSpec,
  type Page,
  type SourceRow,
  type Stream,
  streamsOf,
} from '../sdk.js';
import { isObject, parseJson } from '../sdk-json.js';
import { checked, lazyRow, reparseJson } from '../sdk-pages.js';
import { servicePointRowSchema } from './rows.js';

/** What a campus knows from a published page and no system offers: offices, counters, telephones, forms. */
const FILE_BYTES_MAX = 4 * 1024 * 1024;
const PAGE_ROWS = 500;

interface Options {
  readonly file: string;
  readonly pageRows?: number;
}

/** Specification of `reference-data/file`. */
export const referenceDataSpec: ConnectorSpec = {
  kind: 'reference-data/file',
  title: { en: 'Reference data: a file', zh: '参考数据：文件' },
  summary:
    'Reads service points (offices, counters, telephones, forms) from a JSON file that people keep, with the page that they were taken from and its date. The file of Qingdao Agricultural University is `examples/qau/service-points.json`.',
  options: {
    type: 'object',
    required: ['file'],
    additionalProperties: false,
    properties: {
      file: {
        type: 'string',
        minLength: 1,
        description: 'The file: {"origin", "originDate", "servicePoints": [...]}; relative to hub.yaml.',
      },
      pageRows: {
        type: 'integer',
        minimum: 1,
        maximum: 5000,
        default: PAGE_ROWS,
        description: 'Rows of a page.',
      },
    },
  },
  streams: [
    {
      name: 'service-points',
      title: { en: 'Service points', zh: '服务点' },
      after: [],
      kind: 'state',
      maps: 'service-point',
      rowSchema: servicePointRowSchema,
      listing: { absence: 'second-listing' },
      feed: false,
      delivery:
        'Each entry of the file. An entry is gone when two different versions of the file in a row lack it.',
      pollMsDefault: 60_000,
    },
  ],
  quirks: [
    'The data is as old as the page that it was taken from (`originDate`), however new the file is.',
    'An id that stands twice in the file is an error of the file: nothing of it is read.',
  ],
};

interface Loaded {
  readonly digest: string;
  readonly asOf: number;
  readonly rows: readonly Readonly<Record<string, unknown>>[];
}

async function load(path: string): Promise<Loaded> {
  const fail = (message: string, cause?: unknown): ConnectorError =>
    new ConnectorError('FILE', `${path}: ${message}`, 'later', { cause });
  const [bytes, modifiedAt] = await Promise.all([readFile(path), stat(path)]).then(
    ([read, { mtimeMs }]) => [read, Math.floor(mtimeMs)] as const,
    (cause: unknown) => {
      throw fail('cannot be read; check option file', cause);
    },
  );
  if (bytes.length > FILE_BYTES_MAX) throw fail(`${bytes.length} bytes, at most ${FILE_BYTES_MAX}`);
  const document = parseJson(bytes, path);
  if (!isObject(document) || !Array.isArray(document['servicePoints']))
    throw fail('expected {"origin", "originDate", "servicePoints": [...]}');
  const { origin, originDate } = document;
  const rows = document['servicePoints'].map((entry: unknown) => {
    if (!isObject(entry)) throw fail('servicePoints: expected objects');
    return { origin, originDate, ...entry };
  });
  const ids = rows.map((row: Readonly<Record<string, unknown>>) => row['id']);
  const twice = ids.find((id, i) => ids.indexOf(id) !== i);
  if (twice !== undefined) throw fail(`the id ${JSON.stringify(twice)} stands twice`);
  return { digest: createHash('sha256').update(bytes).digest('hex'), asOf: modifiedAt, rows };
}

function pointStream(path: string, pageRows: number): Stream {
  const [spec] = referenceDataSpec.streams;
  if (spec === undefined) throw new Error('reference-data/file declares a stream');
  return {
    spec,
    feedStart: async () => null,
    changes: async () => {
      throw new ConnectorError('CONFIG', 'stream service-points has no feed', 'never');
    },
    reparse: reparseJson,
    async listing() {
      const { digest, asOf } = await load(path);
      return { name: digest, asOf };
    },
    count: async () => (await load(path)).rows.length,
    async snapshotPage(cursor, signal): Promise<Page> {
      signal.throwIfAborted();
      const { digest, asOf, rows } = await load(path);
      // A file that has changed since the listing began is listed from its start.
      const begun = isObject(cursor) && cursor['digest'] === digest ? Number(cursor['from']) : 0;
      const until = Math.min(rows.length, begun + pageRows);
      const page = rows.slice(begun, until).map((row, i): SourceRow => {
        const id = typeof row['id'] === 'string' ? row['id'] : `entry-${begun + i}`;
        return lazyRow(id, id, row);
      });
      const end = until >= rows.length;
      const absence = end ? { absenceUsable: rows.length > 0, total: rows.length } : {};
      const next = { digest, from: until };
      return { rows: page, next, state: end ? 'end' : 'more', asOf, listing: digest, ...absence };
    },
  };
}

/** `reference-data/file` */
export const referenceData: ConnectorFactory = {
  spec: referenceDataSpec,
  open(given: Record<string, unknown>, context: ConnectorContext): Connector {
    const { file, pageRows } = given as unknown as Options;
    const path = resolve(context.baseDir, file);
    const points = pointStream(path, pageRows ?? PAGE_ROWS);
    return {
      spec: referenceDataSpec,
      check: async (signal) => [
        await checked('service-points', signal, async () => {
          const { rows } = await load(path);
          return { ok: true, detail: `${path}: ${rows.length} entries` };
        }),
      ],
      stream: streamsOf(referenceDataSpec.kind, [points]),
      close: async () => undefined,
    };
  },
};
