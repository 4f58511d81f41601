import { describe, expect, it } from 'vitest';
import { createCatalogue, loadCatalogue } from '../log/catalogue.js';
import { schemaFingerprint } from '../log/compatibility.js';
import { registryApp } from './registry.js';

const committed = loadCatalogue();
const card = committed.versions('master.card-value').at(-1)!;

const v1 = { type: 'record', name: 'Thing', fields: [{ name: 'a', type: 'string', doc: 'first' }] };
const v2 = { ...v1, fields: [...v1.fields, { name: 'b', type: ['null', 'string'], default: null }] };
const entry = (id: number, version: number, schema: object) => ({
  id,
  subject: 'thing-value',
  version,
  schema: JSON.stringify(schema),
  fingerprint: schemaFingerprint(schema),
});
const small = registryApp(createCatalogue([entry(3, 1, v1), entry(9, 2, v2)]), {
  prefix: 'qau.',
  bodyBytesMax: 2000,
});

async function ask(path: string, init?: RequestInit, app = small) {
  const response = await app.request(path, init);
  expect(response.headers.get('content-type')).toBe('application/vnd.schemaregistry.v1+json');
  return [response.status, await response.json()] as const;
}
const post = (body: unknown) => ({ method: 'POST', body: JSON.stringify(body) });
const avro = (schema: unknown) => post({ schema: JSON.stringify(schema) });
const failed = (status: number, code: number) => [
  status,
  { error_code: code, message: expect.any(String) as string },
];

describe('the registry answers', () => {
  it.each([
    ['/', {}],
    ['/schemas/types', ['AVRO']],
    ['/schemas/ids/3', { schema: JSON.stringify(v1) }],
    ['/schemas/ids/3?fetchMaxId=true&subject=thing-value&format=', { schema: JSON.stringify(v1), maxId: 9 }],
    ['/schemas/ids/3/schema', v1],
    ['/schemas/ids/9/subjects', ['thing-value']],
    ['/schemas/ids/9/versions', [{ subject: 'thing-value', version: 2 }]],
    ['/subjects', ['thing-value']],
    ['/subjects?subjectPrefix=x', []],
    ['/subjects/thing-value/versions', [1, 2]],
    [
      '/subjects/thing-value/versions/1',
      { subject: 'thing-value', version: 1, id: 3, schema: JSON.stringify(v1) },
    ],
    [
      '/subjects/thing-value/versions/latest',
      { subject: 'thing-value', version: 2, id: 9, schema: JSON.stringify(v2) },
    ],
    [
      '/subjects/qau.thing-value/versions/-1',
      { subject: 'qau.thing-value', version: 2, id: 9, schema: JSON.stringify(v2) },
    ],
    ['/subjects/thing-value/versions/latest/schema', v2],
    ['/subjects/thing-value/versions/1/referencedby', []],
    ['/config', { compatibilityLevel: 'FULL_TRANSITIVE' }],
    ['/config/thing-value', { compatibilityLevel: 'FULL_TRANSITIVE' }],
    ['/mode', { mode: 'READONLY' }],
    ['/mode/thing-value', { mode: 'READONLY' }],
    ['/contexts', ['.']],
  ])('GET %s', async (path, body) => {
    expect(await ask(path)).toEqual([200, body]);
  });

  it('every schema of the committed catalogue by its id, without schemaType', async () => {
    for (const e of committed.entries) {
      const answer = await ask(`/schemas/ids/${e.id}`, undefined, registryApp(committed));
      expect(answer).toEqual([200, { schema: e.schema }]);
    }
  });

  it('a look-up with the id, whatever the documentation and the order of keys', async () => {
    const bare = { fields: [{ type: 'string', name: 'a' }], name: 'Thing', type: 'record' };
    expect(await ask('/subjects/thing-value', avro(bare))).toMatchObject([200, { id: 3, version: 1 }]);
    const known = await ask(
      '/subjects/master.card-value',
      post({ schema: card.schema }),
      registryApp(committed),
    );
    expect(known).toMatchObject([200, { id: card.id, subject: 'master.card-value' }]);
  });

  it('whether a schema would be compatible, and why not when asked', async () => {
    const path = '/compatibility/subjects/thing-value/versions/latest';
    const more = { ...v2, fields: [...v2.fields, { name: 'c', type: 'int', default: 0 }] };
    expect(await ask(path, avro(more))).toEqual([200, { is_compatible: true }]);
    const broken = { ...v2, fields: [{ name: 'a', type: 'long' }] };
    expect(await ask(path, avro(broken))).toEqual([200, { is_compatible: false }]);
    const [, why] = (await ask(`${path}?verbose=true`, avro(broken))) as [number, unknown];
    expect(JSON.stringify(why)).toContain('field a');
    expect(await ask('/compatibility/subjects/thing-value/versions', avro(v1))).toMatchObject([
      200,
      { is_compatible: true },
    ]);
  });

  it('HEAD without a body', async () => {
    const response = await small.request('/schemas/ids/3', { method: 'HEAD' });
    expect([response.status, await response.text()]).toEqual([200, '']);
  });
});

describe('the registry refuses', () => {
  const other = { type: 'record', name: 'Other', fields: [] };
  it.each([
    ['an unknown schema id', '/schemas/ids/4', undefined, 404, 40403],
    ['the same id on every path under it', '/schemas/ids/4/versions', undefined, 404, 40403],
    ['an id that is no number', '/schemas/ids/abc', undefined, 404, 404],
    ['an unknown subject', '/subjects/nothing/versions', undefined, 404, 40401],
    ['an unknown subject at its latest version', '/subjects/nothing/versions/latest', undefined, 404, 40401],
    ['the settings of an unknown subject', '/config/nothing', undefined, 404, 40401],
    ['an unknown version', '/subjects/thing-value/versions/3', undefined, 404, 40402],
    ['version 0', '/subjects/thing-value/versions/0', undefined, 422, 42202],
    ['a version that is no number', '/subjects/thing-value/versions/new/schema', undefined, 422, 42202],
    ['a look-up in an unknown subject', '/subjects/nothing', avro(v1), 404, 40401],
    ['a look-up of an unknown schema', '/subjects/thing-value', avro(other), 404, 40403],
    ['a schema that is not Avro', '/subjects/thing-value', avro({ type: 'recrod' }), 422, 42201],
    ['a schema that is not JSON', '/subjects/thing-value', post({ schema: '{' }), 422, 42201],
    ['no schema at all', '/subjects/thing-value', post({}), 422, 42201],
    [
      'another kind of schema',
      '/subjects/thing-value',
      post({ schema: '{}', schemaType: 'JSON' }),
      422,
      42201,
    ],
    ['a body that is not JSON', '/subjects/thing-value', { method: 'POST', body: 'x' }, 400, 400],
    ['a body that is no object', '/subjects/thing-value', { method: 'POST', body: '1' }, 400, 400],
    ['a body over the limit', '/subjects/thing-value', post({ schema: 'x'.repeat(3000) }), 413, 413],
    [
      'a compatibility check against an unknown version',
      '/compatibility/subjects/thing-value/versions/7',
      avro(v1),
      404,
      40402,
    ],
    ['to register', '/subjects/thing-value/versions', avro(v2), 422, 42205],
    ['to delete a subject', '/subjects/thing-value', { method: 'DELETE' }, 422, 42205],
    ['to delete a version', '/subjects/thing-value/versions/1', { method: 'DELETE' }, 422, 42205],
    ['to change the compatibility', '/config', { method: 'PUT', body: '{}' }, 422, 42205],
    ['to change the mode', '/mode/thing-value', { method: 'PUT', body: '{}' }, 422, 42205],
    [
      'associations, with exactly 404',
      '/associations/resources/-/master.card?resourceType=topic&associationType=value',
      undefined,
      404,
      404,
    ],
    ['an unknown path', '/nothing', undefined, 404, 404],
  ])('%s', async (_what, path, init, status, code) => {
    expect(await ask(path, init)).toEqual(failed(status, code));
  });

  it('another method with 405 and the methods that it has', async () => {
    const response = await small.request('/subjects/thing-value/versions', { method: 'OPTIONS' });
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  });
});
