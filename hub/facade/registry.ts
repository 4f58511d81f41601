/**
 * A read-only, Confluent-compatible schema registry over the committed catalogue, so that ordinary consumers
 * decode the topics unchanged. Errors are `{error_code, message}` as that API has them:
 *
 *   40401 subject   40402 version   40403 schema        not found           (404)
 *   42201 invalid schema   42202 invalid version   42205 not permitted      (422; every write)
 *
 * `/associations/…` must be exactly 404: confluent-kafka for Python then falls back to topic names.
 */
import { type Context, Hono } from 'hono';
import type { Catalogue, CatalogueEntry } from '../log/catalogue.js';
import { comparableSchema, fullTransitive, parseSchema } from '../log/compatibility.js';

export interface RegistryOptions {
  /** Prefix of the topics on Kafka: `{prefix}{topic}-value` then names the same subject. */
  readonly prefix?: string;
  /** Largest body of a look-up; above it 413. */
  readonly bodyBytesMax?: number;
}

const CONTENT_TYPE = 'application/vnd.schemaregistry.v1+json';
const BODY_BYTES_MAX = 1024 * 1024;
const COMPATIBILITY = 'FULL_TRANSITIVE';

class RegistryError extends Error {
  constructor(
    readonly code: number,
    message: string,
  ) {
    super(message);
  }
  /** 40401 → 404; plain HTTP codes stand for themselves. */
  get status(): number {
    return this.code > 999 ? Math.floor(this.code / 100) : this.code;
  }
}

const answer = (body: unknown, status = 200, headers: Record<string, string> = {}): Response =>
  new Response(typeof body === 'string' ? body : JSON.stringify(body), {
    status,
    headers: { 'content-type': CONTENT_TYPE, ...headers },
  });

const problem = (error: RegistryError, headers: Record<string, string> = {}): Response =>
  answer({ error_code: error.code, message: error.message }, error.status, headers);

type Handler = (c: Context) => Response | Promise<Response>;
interface Route {
  readonly path: string;
  readonly get?: Handler;
  readonly post?: Handler;
}

/** The registry API; mount it where clients expect `schema.registry.url`. Needs no state but the catalogue. */
export function registryApp(catalogue: Catalogue, options: RegistryOptions = {}): Hono {
  const app = new Hono();
  const find = finders(catalogue, options.prefix ?? '');
  const limit = options.bodyBytesMax ?? BODY_BYTES_MAX;
  const routes: readonly Route[] = [
    { path: '/', get: () => answer({}) },
    { path: '/contexts', get: () => answer(['.']) },
    { path: '/mode', get: () => answer({ mode: 'READONLY' }) },
    { path: '/config', get: () => answer({ compatibilityLevel: COMPATIBILITY }) },
    ...schemaRoutes(catalogue, find),
    ...subjectRoutes(catalogue, find, limit),
    ...compatibilityRoutes(find, limit),
  ];
  for (const route of routes) {
    if (route.get) app.get(route.path, route.get);
    if (route.post) app.post(route.path, route.post);
    app.all(route.path, (c) => otherMethod(c, route));
  }
  app.notFound(() => problem(new RegistryError(404, 'HTTP 404 Not Found')));
  app.onError((error) => {
    if (error instanceof RegistryError) return problem(error);
    throw error;
  });
  return app;
}

function otherMethod(c: Context, route: Route): Response {
  if (['POST', 'PUT', 'DELETE', 'PATCH'].includes(c.req.method)) {
    return problem(
      new RegistryError(42205, 'Subject registry is in read-only mode: the catalogue changes with a release'),
    );
  }
  const allow = [...(route.get ? ['GET', 'HEAD'] : []), ...(route.post ? ['POST'] : [])].join(', ');
  return problem(new RegistryError(405, 'HTTP 405 Method Not Allowed'), { allow });
}

interface Finders {
  entry(c: Context): CatalogueEntry;
  versions(c: Context): readonly CatalogueEntry[];
  version(c: Context): CatalogueEntry;
}

function finders(catalogue: Catalogue, prefix: string): Finders {
  const versions = (c: Context): readonly CatalogueEntry[] => {
    const asked = c.req.param('subject') ?? '';
    const bare = prefix !== '' && asked.startsWith(prefix) ? asked.slice(prefix.length) : asked;
    const found = catalogue.versions(bare);
    if (found.length === 0) throw new RegistryError(40401, `Subject '${asked}' not found.`);
    return found;
  };
  return {
    entry(c) {
      const text = c.req.param('id') ?? '';
      if (!/^-?\d+$/.test(text)) throw new RegistryError(404, 'HTTP 404 Not Found');
      const found = catalogue.byId(Number(text));
      if (!found) throw new RegistryError(40403, `Schema ${text} not found`);
      return found;
    },
    versions,
    version(c) {
      const text = c.req.param('version') ?? '';
      const isLatest = text === 'latest' || text === '-1';
      if (!isLatest && !(/^\d{1,10}$/.test(text) && Number(text) >= 1 && Number(text) < 2 ** 31)) {
        throw new RegistryError(
          42202,
          `The specified version '${text}' is not a valid version id. Allowed values are between [1, 2^31-1] and the string "latest"`,
        );
      }
      const all = versions(c);
      const found = isLatest ? all.at(-1) : all[Number(text) - 1];
      if (!found) throw new RegistryError(40402, `Version ${text} not found.`);
      return found;
    },
  };
}

function schemaRoutes(catalogue: Catalogue, find: Finders): Route[] {
  const maxId = Math.max(0, ...catalogue.entries.map((e) => e.id));
  return [
    { path: '/schemas', get: () => answer(catalogue.entries.map((e) => described(e))) },
    { path: '/schemas/types', get: () => answer(['AVRO']) },
    {
      path: '/schemas/ids/:id',
      // `subject` and `format` may be given; an id means the same under every subject.
      get: (c) => {
        const { schema } = find.entry(c);
        return answer(c.req.query('fetchMaxId') === 'true' ? { schema, maxId } : { schema });
      },
    },
    { path: '/schemas/ids/:id/schema', get: (c) => answer(find.entry(c).schema) },
    { path: '/schemas/ids/:id/subjects', get: (c) => answer([find.entry(c).subject]) },
    {
      path: '/schemas/ids/:id/versions',
      get: (c) => {
        const { subject, version } = find.entry(c);
        return answer([{ subject, version }]);
      },
    },
  ];
}

/** `schemaType` is left out: that means Avro, and older clients do not know the key. */
function described(entry: CatalogueEntry, c?: Context): object {
  const subject = c?.req.param('subject') ?? entry.subject;
  return { subject, version: entry.version, id: entry.id, schema: entry.schema };
}

function subjectRoutes(catalogue: Catalogue, find: Finders, limit: number): Route[] {
  const at = '/subjects/:subject';
  return [
    {
      path: '/subjects',
      get: (c) => {
        const prefix = c.req.query('subjectPrefix') ?? '';
        return answer(catalogue.subjects().filter((s) => s.startsWith(prefix)));
      },
    },
    {
      path: at,
      post: async (c) => {
        const versions = find.versions(c);
        const wanted = comparableSchema(await postedSchema(c, limit));
        const found = versions.findLast((e) => comparableSchema(JSON.parse(e.schema)) === wanted);
        if (!found) throw new RegistryError(40403, 'Schema not found');
        return answer(described(found, c));
      },
    },
    { path: `${at}/versions`, get: (c) => answer(find.versions(c).map((e) => e.version)) },
    { path: `${at}/versions/:version`, get: (c) => answer(described(find.version(c), c)) },
    { path: `${at}/versions/:version/schema`, get: (c) => answer(find.version(c).schema) },
    {
      path: `${at}/versions/:version/referencedby`,
      get: (c) => {
        find.version(c);
        return answer([]);
      },
    },
    {
      path: '/config/:subject',
      get: (c) => {
        find.versions(c);
        return answer({ compatibilityLevel: COMPATIBILITY });
      },
    },
    { path: '/mode/:subject', get: () => answer({ mode: 'READONLY' }) },
  ];
}

function compatibilityRoutes(find: Finders, limit: number): Route[] {
  const judge = async (c: Context, entries: readonly CatalogueEntry[]): Promise<Response> => {
    const schema = await postedSchema(c, limit);
    const earlier = entries.map((e) => ({ version: e.version, schema: JSON.parse(e.schema) as unknown }));
    const messages = fullTransitive(schema, earlier);
    const verbose = c.req.query('verbose') === 'true' ? { messages } : {};
    return answer({ is_compatible: messages.length === 0, ...verbose });
  };
  return [
    { path: '/compatibility/subjects/:subject/versions', post: (c) => judge(c, find.versions(c)) },
    { path: '/compatibility/subjects/:subject/versions/:version', post: (c) => judge(c, [find.version(c)]) },
  ];
}

/** The parsed Avro schema of a posted `{schema, schemaType?}`. */
async function postedSchema(c: Context, limit: number): Promise<unknown> {
  const invalid = (why: string): RegistryError => new RegistryError(42201, `Invalid schema: ${why}`);
  const body = await postedJson(c, limit);
  const { schema, schemaType } = body as { schema?: unknown; schemaType?: unknown };
  if (schemaType !== undefined && schemaType !== null && schemaType !== 'AVRO') {
    throw invalid('schemaType must be AVRO');
  }
  if (typeof schema !== 'string' || schema === '') throw invalid('`schema` must be a non-empty string');
  try {
    // A primitive may be given bare: `string` beside `"string"`.
    const parsed: unknown = /^[a-z]+$/.test(schema) ? schema : JSON.parse(schema);
    parseSchema(parsed);
    return parsed;
  } catch (error) {
    throw invalid((error as Error).message);
  }
}

async function postedJson(c: Context, limit: number): Promise<object> {
  const tooLarge = new RegistryError(413, `a body may have at most ${limit} bytes`);
  if (Number(c.req.header('content-length') ?? 0) > limit) throw tooLarge;
  const chunks: Uint8Array[] = [];
  let size = 0;
  const stream = (c.req.raw.body ?? []) as unknown as AsyncIterable<Uint8Array>;
  for await (const chunk of stream) {
    size += chunk.byteLength;
    if (size > limit) throw tooLarge;
    chunks.push(chunk);
  }
  let body: unknown;
  try {
    body = JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch {
    throw new RegistryError(400, 'the body is not JSON');
  }
  if (typeof body !== 'object' || body === null)
    throw new RegistryError(400, 'the body is not a JSON object');
  return body;
}
