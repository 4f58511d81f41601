import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { connectors } from '../../connectors/index.js';
import type { ConnectorSpec } from '../../connectors/sdk.js';
import { SCOPES } from '../facade/caller.js';
import { packagePath } from '../package-root.js';
import { loadConfigText } from './load.js';

const DIGEST = `sha256:${'A'.repeat(43)}`;

const SOURCE = {
  connector: 'card-core/files',
  options: { folder: '.', pattern: 'x', columns: { cardno: 'C' } },
};
const spec = connectors['card-core/files']?.spec as ConnectorSpec;

function load(clients: object, facade: object = { publicUrl: 'https://cards.example.edu' }) {
  const text = JSON.stringify({ version: 1, tenant: 'qau', sources: { core: SOURCE }, facade, clients });
  return loadConfigText(text, '/srv/hub.yaml', { env: {}, specs: [spec] });
}

function problems(clients: object, facade?: object): string[] {
  const result = load(clients, facade);
  return result.ok ? [] : result.problems.map(({ path, message }) => `${path}: ${message}`);
}

const desk = { credentials: { secrets: [DIGEST] }, scopes: ['identity'] };
const gate = {
  credentials: { staticKeys: [DIGEST] },
  ...{ scopes: ['decide'], purposes: ['door'], doors: ['gate:d1'], networks: ['10.7.0.0/24'] },
};

describe('clients of hub.yaml', () => {
  it('may do nothing that is not said, and their keys are found beside the file', () => {
    const result = load({
      desk: { ...desk, credentials: { keysFile: 'desk.jwks.json' }, until: '2027-07-31' },
    });
    if (!result.ok) throw new Error(JSON.stringify(result.problems));
    expect(result.config.clients).toEqual([
      {
        id: 'desk',
        credentials: { secrets: [], keysFile: '/srv/desk.jwks.json', issuer: undefined, staticKeys: [] },
        scopes: ['identity'],
        ...{ purposes: [], fields: [], tenant: undefined, doors: [], doorGroups: [], networks: [] },
        rate: { perSecond: 50, burst: 100 },
        untilMs: Date.parse('2027-08-01T00:00:00+08:00'),
        enabled: true,
      },
    ]);
  });

  it('name the scopes that the facade knows, and all of them', () => {
    const schema = JSON.parse(readFileSync(packagePath('hub', 'config', 'hub.schema.json'), 'utf8')) as {
      $defs: { client: { properties: { scopes: { items: { enum: string[] } } } } };
    };
    expect(schema.$defs.client.properties.scopes.items.enum).toEqual([...SCOPES]);
  });

  it.each([
    ['a secret instead of its digest', { desk: { ...desk, credentials: { secrets: ['hunter2-hunter2'] } } }],
    [
      'three secrets',
      {
        desk: { ...desk, credentials: { secrets: ['A', 'B', 'C'].map((one) => `sha256:${one.repeat(43)}`) } },
      },
    ],
    ['no credential', { desk: { ...desk, credentials: {} } }],
    ['a scope that there is not', { desk: { ...desk, scopes: ['everything'] } }],
    ['a tenant that there is not', { desk: { ...desk, tenant: 'other' } }],
    [
      'an issuer that there is not',
      { desk: { ...desk, credentials: { issuer: { name: 's', client: 'c' } } } },
    ],
    ['a network that is none', { desk: { ...desk, networks: ['10.300.0.0/8'] } }],
    ['an end that is no day', { desk: { ...desk, until: '2027-02-30' } }],
    ['a static key from anywhere', { gate: { ...gate, networks: [] } }],
    ['a static key for all doors', { gate: { ...gate, doors: 'all' } }],
    ['a static key that may search', { gate: { ...gate, scopes: ['decide', 'search'] } }],
  ])('are refused with %s', (_what, clients) => {
    const found = problems(clients);
    expect(found[0]).toMatch(/^clients\.(desk|gate)\./);
    expect(found).toHaveLength(1);
  });

  it('cannot be beside a facade that is open to others, and need a name of the hub where they have tokens', () => {
    expect(problems({ desk }, {})[0]).toMatch(/^clients\.desk\.credentials: expected facade\.publicUrl/);
    expect(problems({ gate }, {})).toEqual([]);
    expect(problems({ desk, gate })).toEqual([]);
    expect(problems({ gate }, { open: true, host: '0.0.0.0' })[0]).toMatch(/^facade\.open: expected either/);
    expect(problems({ gate }, { open: true })).toEqual([]); // to try them out
    expect(problems({ desk }, { publicUrl: 'http://127.0.0.1:8080' })).toEqual([]);
    expect(problems({ desk }, { publicUrl: 'http://cards.example.edu' })[0]).toMatch(/^facade\.publicUrl/);
    expect(problems({ desk }, { publicUrl: 'http://127.0.0.1.example.edu' })[0]).toMatch(
      /^facade\.publicUrl/,
    );
    expect(problems({}, { tokenLifetime: '2h' })[0]).toMatch(/at most 1h/);
  });
});
