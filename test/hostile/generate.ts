/**
 * Requests that a hostile client may send, from the OpenAPI document: examples with ids that exist, bodies that the schema
 * allows, their borders, bodies that were bent, methods, headers, content types and paths that nobody expects.
 */
import fc from 'fast-check';
import { followed, METHODS, type Operation, type OpenApi, type Schema } from './document.js';
import type { KnownIds } from './secrets.js';

export interface HostileRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Buffer | null;
  /** What the generator had in mind. */
  readonly what: 'valid' | 'schema' | 'bent' | 'bytes' | 'method' | 'header' | 'path' | 'protocol';
}

type Arb<T> = fc.Arbitrary<T>;
const JSON_TYPE = 'application/json';
const FORM_TYPE = 'application/x-www-form-urlencoded';
const ODD_METHODS = [
  'GET',
  'PUT',
  'DELETE',
  'PATCH',
  'OPTIONS',
  'TRACE',
  'HEAD',
  'QUERY',
  'PROPFIND',
  'POST',
];
const BODY_LIMIT = 65_536;

interface Target {
  readonly method: string;
  readonly path: string;
  readonly operation: Operation;
  readonly schema: Schema | undefined;
  /** Of its body. */
  readonly type: typeof JSON_TYPE | typeof FORM_TYPE;
  readonly examples: readonly unknown[];
}

export function hostileRequests(document: OpenApi, ids: KnownIds): Arb<HostileRequest> {
  const targets = targetsOf(document);
  const target = fc.constantFrom(...targets);
  const bodied = targets.filter(({ schema }) => schema !== undefined);
  const withBody = fc.constantFrom(...bodied);
  const withJson = fc.constantFrom(...bodied.filter(({ type }) => type === JSON_TYPE));
  const valid = target.chain((it) => validOf(it, ids));
  return fc.oneof(
    { weight: 4, arbitrary: valid },
    { weight: 5, arbitrary: withBody.chain((it) => fromSchema(document, it, ids)) },
    { weight: 6, arbitrary: withJson.chain((it) => bent(it, ids)) },
    { weight: 3, arbitrary: withBody.chain((it) => bytes(it, ids)) },
    { weight: 2, arbitrary: methods(target, ids) },
    { weight: 3, arbitrary: valid.chain((good) => headers(good, ids)) },
    { weight: 2, arbitrary: paths(target, ids) },
    { weight: 1, arbitrary: valid.chain(protocol) },
  );
}

function targetsOf(document: OpenApi): Target[] {
  return Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item)
      .filter(([method]) => METHODS.includes(method))
      .map(([method, operation]): Target => {
        const content = operation.requestBody?.content ?? {};
        const type = content[FORM_TYPE] === undefined ? JSON_TYPE : FORM_TYPE;
        const examples = Object.values(content[type]?.examples ?? {}).map(({ value }) => value);
        const { schema } = content[type] ?? {};
        return { method: method.toUpperCase(), path, operation, schema, type, examples };
      }),
  );
}

const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value) ?? '');
const key = fc.uuid().map((text) => ['idempotency-key', text] as const);

function request(
  it: Target,
  body: Buffer | null,
  what: HostileRequest['what'],
  ids: KnownIds,
): Arb<HostileRequest> {
  return fc.tuple(pathOf(it.path, ids), key, credential(ids)).map(([path, idempotency, own]) => ({
    ...{ method: it.method, path, body, what },
    headers: [...own, ...(body === null ? [] : [['content-type', it.type] as const, idempotency])],
  }));
}

/** Most bring none and are let in as the facade's own, some are a controller's or a desk's. */
function credential({ credentials }: KnownIds): Arb<readonly (readonly [string, string])[]> {
  const { staticKey, client, secret } = credentials;
  const basic = Buffer.from(`${client}:${secret}`).toString('base64');
  return fc.oneof(
    { weight: 6, arbitrary: fc.constant([]) },
    { weight: 2, arbitrary: fc.constant([['authorization', `Bearer ${staticKey}`] as const]) },
    { weight: 1, arbitrary: fc.constant([['authorization', `Basic ${basic}`] as const]) },
  );
}

/** Path parameters filled in: now with what exists, now with what looks like it. */
function pathOf(template: string, ids: KnownIds): Arb<string> {
  const names = [...template.matchAll(/\{([^}]+)\}/g)].map(([, name = '']) => name);
  const value = fc.oneof(
    ...(template.includes('/controllers/') ? [fc.constant(ids.controller), fc.constant(ids.controller)] : []),
    fc.constantFrom(...ids.cards, ...ids.doors, ...ids.people).map(encodeURIComponent),
    fc.uuid({ version: 7 }),
    fc.string({ minLength: 1, maxLength: 40 }).map((text) => encodeURIComponent(text).replaceAll('.', '%2E')),
  );
  return fc.tuple(...names.map(() => value)).map((values) => {
    let path = template;
    names.forEach((name, i) => (path = path.replace(`{${name}}`, values[i] ?? 'x')));
    return path;
  });
}

/** An example of the document, with ids of this campus put in where it names some. */
function validOf(it: Target, ids: KnownIds): Arb<HostileRequest> {
  if (it.type === FORM_TYPE) return request(it, encoded(it, formOf(ids)), 'valid', ids);
  if (it.examples.length === 0) return request(it, it.schema === undefined ? null : json({}), 'valid', ids);
  return fc
    .constantFrom(...it.examples)
    .chain((example) => fc.infiniteStream(fc.nat()).map((draws) => withIds(example, ids, draws)))
    .chain((body) => request(it, json(body), 'valid', ids));
}

const formOf = ({ credentials: { client, secret } }: KnownIds): object => ({
  ...{ grant_type: 'client_credentials', client_id: client, client_secret: secret },
});

/** A body as its content type wants it. */
function encoded({ type }: Target, value: unknown): Buffer {
  if (type === JSON_TYPE || typeof value !== 'object' || value === null) return json(value);
  const fields = Object.entries(value).map(([name, one]): [string, string] => [name, String(one)]);
  return Buffer.from(new URLSearchParams(fields).toString());
}

function withIds(value: unknown, ids: KnownIds, draws: Iterator<number>): unknown {
  const draw = <T>(list: readonly T[]): T => list[(draws.next().value as number) % list.length] as T;
  const put = (at: unknown): unknown => {
    if (Array.isArray(at)) return at.map(put);
    if (typeof at === 'object' && at !== null) {
      return Object.fromEntries(Object.entries(at).map(([name, inner]) => [name, put(inner)]));
    }
    if (typeof at !== 'string') return at;
    if (/^core:\d{10}$/.test(at)) return draw(ids.cards);
    if (/^core:\d/.test(at)) return draw(ids.people);
    if (/^gate:/.test(at)) return draw(ids.doors);
    return /^[0-9A-F]{8}$/.test(at) ? draw(ids.uids) : at;
  };
  return put(value);
}

const ODD_STRINGS = [
  ...[
    '',
    ' ',
    '\u0000',
    '__proto__',
    'constructor',
    'toString',
    '%00',
    '../../etc/passwd',
    "' OR 1=1--",
    '${jndi:x}',
  ],
  ...[
    'core:',
    ':',
    'core:core:1',
    '𠮷田',
    '\ud800',
    '\u202e',
    'a'.repeat(511),
    'a'.repeat(512),
    'a'.repeat(513),
  ],
  ...['9'.repeat(400), '-1', '1e309', 'NaN', 'null', 'true', '*', '{"a":1}', '\r\nx: y', '１２３'],
];

/** A word that this field may mean, or none of them. */
function textFor(name: string, ids: KnownIds): Arb<string> {
  const words: Readonly<Record<string, readonly string[]>> = {
    type: ['door', 'card', 'person', 'credential', 'library', 'locker', 'classroom', 'identity', 'record'],
    name: [
      'enter',
      'exit',
      'borrow',
      'open',
      'override',
      'power_on',
      'check',
      ...ids.holders.map((one) => one.name),
    ],
    id: [...ids.cards, ...ids.people, ...ids.doors, ...ids.uids],
    card: ids.cards,
    credential: ids.uids,
    readerProfile: ['uid-hex', 'dec10-le', 'wg26', 'none'],
    schoolNumber: ids.holders.map((one) => one.schoolNumber),
    institution: ['main', 'branch'],
    source: ['core', 'none'],
    item: ['0000000077', '1', '0000000078'],
    client_id: [ids.credentials.client],
    client_secret: [ids.credentials.secret],
  };
  const own = Object.hasOwn(words, name) ? (words[name] ?? []) : [];
  return fc.oneof(
    ...(own.length > 0 ? [{ weight: 6, arbitrary: fc.constantFrom(...own) }] : []),
    { weight: 1, arbitrary: fc.constantFrom(...ODD_STRINGS) },
    { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 30 }) },
  );
}

function fromSchema(document: OpenApi, it: Target, ids: KnownIds): Arb<HostileRequest> {
  const value = valueOf(document, it.schema ?? {}, '', ids, 0);
  return value.chain((body) => request(it, encoded(it, body), 'schema', ids));
}

const DEPTH_MAX = 6;

function valueOf(document: OpenApi, given: Schema, name: string, ids: KnownIds, depth: number): Arb<unknown> {
  const schema = followed(document, given);
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  if (schema.properties !== undefined && depth < DEPTH_MAX) {
    const required = new Set([...(schema.required ?? []), ...(schema.anyOf?.[0]?.required ?? [])]);
    const fields = Object.entries(schema.properties).map(
      ([field, inner]) => [field, valueOf(document, inner, field, ids, depth + 1)] as const,
    );
    return fc.record(Object.fromEntries(fields), { requiredKeys: [...required] });
  }
  if (schema.oneOf !== undefined)
    return fc.oneof(...schema.oneOf.map((one) => valueOf(document, one, name, ids, depth + 1)));
  const type = typeof schema.type === 'string' ? schema.type : schema.type?.[0];
  switch (type) {
    case 'string':
      return textFor(name, ids);
    case 'integer':
    case 'number':
      return fc.oneof(
        fc.integer({ min: schema.minimum ?? -5, max: schema.maximum ?? 2_000 }),
        fc.maxSafeInteger(),
      );
    case 'boolean':
      return fc.boolean();
    case 'array':
      return fc.array(valueOf(document, schema.items ?? {}, name, ids, depth + 1), { maxLength: 5 });
    default:
      return fc.object({ maxDepth: 2, maxKeys: 4 });
  }
}

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

const ODDITIES: readonly Json[] = [
  ...[null, true, false, 0, -1, 1.5, 1e308, 2 ** 53, '', [], {}, [[]], ['x'], { a: null }],
  ...['x'.repeat(1_000), { toString: 1 }, { length: -1 }, [null, null], { id: 'core:1' }],
];

/** A good body with one to three places in it made otherwise. */
function bent(it: Target, ids: KnownIds): Arb<HostileRequest> {
  const change = fc.record({
    place: fc.nat(),
    how: fc.constantFrom('replace', 'delete', 'wrap', 'add', 'odd-text', 'rename'),
    odd: fc.constantFrom(...ODDITIES),
    text: fc.constantFrom(...ODD_STRINGS),
  });
  return fc
    .tuple(validOf(it, ids), fc.array(change, { minLength: 1, maxLength: 3 }))
    .map(([good, changes]) => {
      let value = JSON.parse(good.body?.toString() ?? '{}') as Json;
      for (const one of changes) value = changed(value, one);
      return { ...good, body: json(value), what: 'bent' as const };
    });
}

interface Change {
  readonly place: number;
  readonly how: string;
  readonly odd: Json;
  readonly text: string;
}

function changed(value: Json, { place, how, odd, text }: Change): Json {
  const places: [holder: Json[] | Record<string, Json>, key: string][] = [];
  const walk = (at: Json): void => {
    if (typeof at !== 'object' || at === null) return;
    for (const [name, inner] of Object.entries(at)) {
      places.push([at, name]);
      walk(inner);
    }
  };
  const copy = structuredClone(value);
  walk(copy);
  const found = places[place % Math.max(1, places.length)];
  if (found === undefined) return odd;
  const [holder, name] = found as [Record<string, Json>, string];
  const old = holder[name] as Json;
  if (how === 'delete') delete holder[name];
  else if (how === 'wrap') holder[name] = [old];
  else if (how === 'add')
    Object.defineProperty(holder, text, { value: odd, enumerable: true, configurable: true });
  else if (how === 'odd-text') holder[name] = text;
  else if (how === 'rename') {
    delete holder[name];
    holder[`${name} `] = old;
  } else holder[name] = odd;
  return copy;
}

/** A good body with its bytes hurt, or a body of bytes that never was one. */
function bytes(it: Target, ids: KnownIds): Arb<HostileRequest> {
  const deep = (levels: number): Buffer => Buffer.from(`${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`);
  const raw = fc.oneof(
    fc.constantFrom(
      ...[
        deep(31),
        deep(33),
        deep(10_000),
        Buffer.from('['.repeat(30_000)),
        Buffer.alloc(0),
        Buffer.from('null'),
      ],
      ...[
        Buffer.alloc(BODY_LIMIT, 0x20),
        Buffer.alloc(BODY_LIMIT + 1, 0x20),
        Buffer.from('\ufeff{}'),
        Buffer.from('"'),
      ],
    ),
    fc.uint8Array({ maxLength: 200 }).map((one) => Buffer.from(one)),
  );
  const hurt = fc
    .tuple(validOf(it, ids), fc.nat(), fc.constantFrom('cut', 'flip', 'insert', 'twice', 'utf16', 'pad'))
    .map(([{ body }, at, how]) => hurtBytes(body ?? Buffer.from('{}'), at, how));
  return fc.oneof(raw, hurt).chain((body) => request(it, body, 'bytes', ids));
}

function hurtBytes(body: Buffer, draw: number, how: string): Buffer {
  const at = draw % Math.max(1, body.length);
  if (how === 'cut') return body.subarray(0, at);
  if (how === 'twice')
    return Buffer.from(body.toString().replace(/^\{/, `{${body.toString().slice(1, -1)},`));
  if (how === 'utf16') return Buffer.from(body.toString(), 'utf16le');
  if (how === 'pad')
    return Buffer.concat([body, Buffer.alloc(BODY_LIMIT - body.length + (draw % 3) - 1, 0x20)]);
  const copy = Buffer.from(body);
  if (how === 'flip') copy[at] = (copy[at] ?? 0) ^ (1 << (draw % 8));
  return how === 'insert'
    ? Buffer.concat([copy.subarray(0, at), Buffer.from([0xff, 0]), copy.subarray(at)])
    : copy;
}

function methods(target: Arb<Target>, ids: KnownIds): Arb<HostileRequest> {
  return fc
    .tuple(target, fc.constantFrom(...ODD_METHODS), fc.boolean())
    .chain(([it, method, hasBody]) =>
      request({ ...it, method }, hasBody ? json(it.examples[0] ?? {}) : null, 'method', ids),
    );
}

/** Header values that Node's parser lets through; what it does not is `protocol`. */
const HEADERS: readonly (readonly [string, string])[] = [
  ...[
    'text/plain',
    'application/xml',
    'application/json; charset=gbk',
    'application/jsonp',
    '*/*',
    'APPLICATION/JSON',
  ].map((type) => ['content-type', type] as const),
  ...[
    'Bearer x',
    'Bearer ',
    'Basic eDp5',
    'Bearer eyJhbGciOiJub25lIn0.e30.',
    `Bearer ${'a'.repeat(5_000)}`,
    '\xff',
  ].map((value) => ['authorization', value] as const),
  ...['a-1', ' ', '\xe4', 'x'.repeat(256), 'x'.repeat(300), '<script>', '"'].map(
    (id) => ['x-request-id', id] as const,
  ),
  ...['k', 'k'.repeat(255), 'k'.repeat(256), '', 'schlüssel', 'a b'].map(
    (id) => ['idempotency-key', id] as const,
  ),
  ...([
    ['accept', 'text/html'],
    ['accept', 'x/y;q=2'],
    ['accept-encoding', 'gzip, br'],
    ['if-none-match', '*'],
  ] as const),
  ...([
    ['range', 'bytes=0-1'],
    ['x-forwarded-for', '10.0.0.1'],
    ['x-http-method-override', 'DELETE'],
  ] as const),
  ...([
    ['cookie', 'a=b; a=c'],
    ['expect', '100-continue'],
    ['upgrade', 'websocket'],
    ['te', 'trailers'],
  ] as const),
  ...([
    ['forwarded', 'for=x'],
    ['content-encoding', 'gzip'],
    ['accept-language', 'zh-CN,zh;q=0.9'],
  ] as const),
];

const ONCE: ReadonlySet<string> = new Set(['authorization', 'content-type']);

function headers(good: HostileRequest, { credentials }: KnownIds): Arb<HostileRequest> {
  const own = [`bearer  ${credentials.staticKey}`, `Bearer ${credentials.secret}`];
  const all = [...HEADERS, ...own.map((value) => ['authorization', value] as const)];
  return fc.array(fc.constantFrom(...all), { minLength: 1, maxLength: 4 }).map((more) => {
    // Of those that may come once the last one: twice they are refused, whatever they say.
    const once = new Map(more.filter(([name]) => ONCE.has(name)));
    const rest = [...good.headers, ...more].filter(([name]) => !once.has(name));
    return { ...good, headers: [...rest, ...once], what: 'header' as const };
  });
}

function paths(target: Arb<Target>, ids: KnownIds): Arb<HostileRequest> {
  const bend = fc.constantFrom<((path: string) => string)[]>(
    (path) => `${path}/`,
    (path) => `/${path}`,
    (path) => path.toUpperCase(),
    (path) => `${path}?x=1&x=2&%00`,
    (path) => `${path}%00`,
    (path) => `${path}/../../readyz`,
    (path) => path.replace('/', '/%2e%2e/'),
    (path) => `${path};jsessionid=1`,
    (path) => `${path}/${'a'.repeat(4_000)}`,
    (path) => path.slice(0, -1),
    (path) => `/tenants/none${path}`,
    (path) => `${path}?${'q=1&'.repeat(1_000)}`,
    (path) => `${path}%E0%A4%A`,
    () => '/',
    () => '/__proto__',
  );
  return fc.tuple(target, bend).chain(([it, change]) =>
    request(it, it.schema === undefined ? null : json(it.examples[0] ?? {}), 'path', ids).map((good) => ({
      ...good,
      path: change(good.path),
    })),
  );
}

/** What no HTTP client would send: marked by a header of that name, which `fire` turns into bytes. */
function protocol(good: HostileRequest): Arb<HostileRequest> {
  const how = [
    ...Object.keys(REFUSED),
    'bad-host',
    'two-lengths',
    'bad-chunk',
    'chunked',
    'http/0.9',
    'large-header',
  ];
  return fc
    .constantFrom(...how, 'bare-lf', 'header-space', 'absolute', 'length-text', 'smuggle')
    .map((one) => ({
      ...good,
      headers: [...good.headers, [PROTOCOL, one] as const],
      what: 'protocol' as const,
    }));
}

export const PROTOCOL = ':protocol';

/** What is HTTP and must be refused all the same, with its status. */
const REFUSED: Readonly<Record<string, number>> = {
  'no-host': 400,
  'two-hosts': 400,
  'two-credentials': 400,
  'many-headers': 431,
  expectation: 417,
};

/** The status that a request must get before its path is looked at; undefined: none in particular. */
export function refusalOf({ headers: sent }: HostileRequest): number | undefined {
  return REFUSED[sent.find(([name]) => name === PROTOCOL)?.[1] ?? ''];
}
