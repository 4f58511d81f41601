import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import type { ConnectorSpec, StreamSpec } from '../../connectors/sdk.js';
import { loadConfig, loadConfigText, type LoadOptions } from './load.js';
import type { Config, ConfigProblem } from './types.js';

function stream(name: string, after: readonly string[] = []): StreamSpec {
  return {
    name,
    after,
    title: { en: name, zh: name },
    kind: 'state',
    maps: 'card',
    rowSchema: {},
    listing: null,
    feed: true,
    delivery: '',
    pollMsDefault: 5_000,
  };
}

const core: ConnectorSpec = {
  kind: 'card-core/gateway',
  title: { en: 'Core', zh: '核心' },
  summary: '',
  quirks: [],
  streams: [stream('cards')],
  options: {
    type: 'object',
    additionalProperties: false,
    required: ['url'],
    properties: {
      url: { type: 'string', format: 'uri', description: 'Address of the gateway.' },
      appKey: { type: 'string', writeOnly: true, minLength: 8 },
      timeoutMs: { type: 'integer', default: 10_000 },
      encrypted: { type: 'boolean', default: true },
      deskId: { type: 'string' },
      auth: {
        oneOf: [
          {
            type: 'object',
            required: ['kind', 'user'],
            properties: { kind: { const: 'basic' }, user: { type: 'string' } },
          },
          {
            type: 'object',
            required: ['kind', 'bearer'],
            properties: { kind: { const: 'bearer' }, bearer: { type: 'string' } },
          },
        ],
      },
    },
  },
};
const gate: ConnectorSpec = {
  ...core,
  kind: 'access-control/rest',
  streams: [stream('doors'), stream('grants', ['doors']), stream('swipes', ['doors'])],
  options: { type: 'object', additionalProperties: false, properties: { url: { type: 'string' } } },
};

const MINIMAL = `version: 1
tenant: qau
sources:
  core:
    connector: card-core/gateway
    options:
      url: http://127.0.0.1:9001/
`;

function load(text: string, more: Partial<LoadOptions> = {}) {
  return loadConfigText(text, '/srv/school/hub.yaml', { env: {}, specs: [core, gate], ...more });
}

function config(text: string, more: Partial<LoadOptions> = {}): Config {
  const result = load(text, more);
  if (!result.ok) throw new Error(JSON.stringify(result.problems, null, 1));
  return result.config;
}

function problems(text: string, more: Partial<LoadOptions> = {}): readonly ConfigProblem[] {
  const result = load(text, more);
  return result.ok ? [] : result.problems;
}

describe('a good hub.yaml', () => {
  test('the least one gets every default', () => {
    const got = config(MINIMAL);
    expect(got.dataDir).toBe('/srv/school/data');
    expect(got.log).toEqual({ engine: 'embedded', prefix: '', mapSizeBytes: undefined });
    expect(got.facade).toMatchObject({
      host: '127.0.0.1',
      port: 8080,
      registry: true,
      tenants: [],
      open: false,
    });
    expect(got.facade).toMatchObject({ tls: undefined, plaintext: false, tokenLifetimeMs: 600_000 });
    expect(got.clients).toEqual([]);
    expect(got.keys).toEqual({ dir: '/srv/school/data/keys', keepMs: 30 * 86_400_000 });
    expect(got.sources[0]?.options).toMatchObject({ timeoutMs: 10_000, encrypted: true });
    expect(got.sources[0]?.streams[0]).toEqual({
      source: 'core',
      name: 'cards',
      enabled: true,
      after: [],
      pollMs: 5_000,
      snapshotEveryMs: undefined,
      absence: { threshold: { count: 200, percent: 5 } },
    });
  });

  test('streams take their times in units, and wait for those of the spec and of the file', () => {
    const text =
      MINIMAL +
      `  gate:
    connector: access-control/rest
    streams:
      swipes: { after: [core/cards], poll: 500ms, snapshotEvery: 6h, absence: { threshold: { percent: 1 } } }
`;
    const swipes = config(text).sources[1]?.streams.find(({ name }) => name === 'swipes');
    expect(swipes).toMatchObject({
      after: ['gate/doors', 'core/cards'],
      pollMs: 500,
      snapshotEveryMs: 6 * 3_600_000,
      absence: { threshold: { count: 200, percent: 1 } },
    });
  });

  test('CARDHUB_DATA stands above the file, --log above both', () => {
    const got = config(MINIMAL + 'data: ./elsewhere\n', {
      env: { CARDHUB_DATA: 'here' },
      cwd: '/tmp/work',
      log: 'kafka://127.0.0.1:9092,[::1]:9093/qau.',
    });
    expect(got.dataDir).toBe('/tmp/work/here');
    expect(got.log).toMatchObject({
      engine: 'kafka',
      brokers: ['127.0.0.1:9092', '[::1]:9093'],
      prefix: 'qau.',
    });
    const kafka = MINIMAL + "log: { engine: kafka, brokers: ['k:9092'], prefix: a. }\n";
    expect(config(kafka).log).toMatchObject({ engine: 'kafka', brokers: ['k:9092'], prefix: 'a.' });
    expect(config(kafka, { log: 'embedded' }).log.engine).toBe('embedded');
    expect(config(kafka, { log: 'kafka://z:1' }).log).toMatchObject({ brokers: ['z:1'], prefix: 'a.' });
  });

  test('a stream that is switched off is not waited for by its own source', () => {
    const text =
      MINIMAL + `  gate: { connector: access-control/rest, streams: { doors: { enabled: false } } }\n`;
    expect(config(text).sources[1]?.streams.map(({ after }) => after)).toEqual([[], [], []]);
  });
});

describe('references to the environment', () => {
  const withKey =
    MINIMAL + '      appKey: ${APP_KEY}\n      deskId: ${DESK:-0012}\n      timeoutMs: ${T:-250}\n';

  test('are replaced; digits stay text where text is wanted, and become a number where one is', () => {
    const options = config(withKey, { env: { APP_KEY: '00123456' } }).sources[0]?.options;
    expect(options).toMatchObject({ appKey: '00123456', deskId: '0012', timeoutMs: 250 });
  });

  test('that are missing are errors with line and name', () => {
    expect(problems(withKey)).toMatchObject([
      {
        code: 'ENV_MISSING',
        line: 8,
        column: 15,
        path: 'sources.core.options.appKey',
        message: expect.stringContaining('APP_KEY') as string,
      },
    ]);
    expect(problems(withKey, { env: { APP_KEY: '' } })[0]?.code).toBe('ENV_MISSING');
  });

  test('can be escaped, and are left alone in comments and keys', () => {
    const got = config(MINIMAL + '      deskId: "$${NOT}" # ${COMMENT}\n');
    expect(got.sources[0]?.options['deskId']).toBe('${NOT}');
  });

  test('of a wrong form are errors', () => {
    expect(problems(MINIMAL + '      deskId: "${1X}"\n')).toMatchObject([{ code: 'BAD_VALUE', line: 8 }]);
  });
});

describe('every mistake is reported, with its line', () => {
  test('all at once, in the order of the file', () => {
    const text = `version: 2
tenent: qau
facade:
  port: high
sources:
  core:
    connector: card-core/gatway
  gate:
    connector: access-control/rest
    options: { adress: x }
    streams:
      swips: {}
      grants: { poll: 5 seconds, after: [core/cards, gate/dors] }
`;
    expect(problems(text).map(({ code, line, column, hint }) => [code, line, column, hint])).toEqual([
      ['MISSING_KEY', 1, 1, expect.stringContaining('Short name')],
      ['BAD_VALUE', 1, 10, expect.anything()],
      ['UNKNOWN_KEY', 2, 1, 'did you mean "tenant"?'],
      ['WRONG_TYPE', 4, 9, undefined],
      ['UNKNOWN_CONNECTOR', 7, 16, 'did you mean "card-core/gateway"?'],
      ['UNKNOWN_KEY', 10, 16, undefined],
      ['UNKNOWN_STREAM', 12, 7, 'did you mean "swipes"?'],
      ['BAD_VALUE', 13, 23, expect.stringContaining('unit')],
      ['UNKNOWN_REFERENCE', 13, 42, undefined],
      ['UNKNOWN_REFERENCE', 13, 54, 'did you mean "gate/doors"?'],
    ]);
  });

  test('a number where text belongs asks for quotes, since the zeros are gone already', () => {
    expect(problems(MINIMAL + '      deskId: 0012\n')).toMatchObject([
      {
        code: 'WRONG_TYPE',
        line: 8,
        message: 'expected text; came a number',
        hint: expect.stringContaining('quotes') as string,
      },
    ]);
  });

  test('of a choice, only the branch that was meant', () => {
    expect(problems(MINIMAL + '      auth: { kind: bearer }\n')).toMatchObject([
      { code: 'MISSING_KEY', message: expect.stringContaining('"bearer"') as string },
    ]);
  });

  test('YAML that cannot be read, without quoting the file', () => {
    const found = problems(MINIMAL + '      appKey: "hunter2hunter2\n');
    expect(found[0]).toMatchObject({ code: 'YAML_SYNTAX' });
    expect(found[0]?.line).toBeGreaterThanOrEqual(8);
    expect(JSON.stringify(found)).not.toContain('hunter2');
    expect(problems(MINIMAL + 'tenant: b\n')).toMatchObject([{ code: 'YAML_SYNTAX', line: 8 }]);
    expect(problems('a: *b\n')[0]?.code).toBe('YAML_SYNTAX');
    expect(problems('')).toMatchObject([{ code: 'WRONG_TYPE', line: 1 }]);
  });

  test('Kafka without brokers, and a --log that is neither', () => {
    expect(problems(MINIMAL + 'log: { engine: kafka }\n')).toMatchObject([{ code: 'MISSING_KEY', line: 8 }]);
    expect(problems(MINIMAL, { log: 'kafka:/x' })).toMatchObject([{ code: 'BAD_VALUE', path: '--log' }]);
  });

  test('streams that wait for each other in a circle, once', () => {
    const text = `version: 1
tenant: qau
sources:
  core: { connector: card-core/gateway, options: { url: 'http://a/' }, streams: { cards: { after: [gate/swipes] } } }
  gate: { connector: access-control/rest, streams: { swipes: { after: [core/cards] } } }
`;
    expect(problems(text)).toMatchObject([{ code: 'CYCLE', line: 4 }]);
  });

  test('a stream that waits for one that is switched off', () => {
    const text =
      MINIMAL +
      `    streams: { cards: { enabled: false } }
  gate: { connector: access-control/rest, streams: { swipes: { after: [core/cards] } } }
`;
    expect(problems(text)).toMatchObject([{ code: 'UNKNOWN_REFERENCE', line: 9 }]);
  });

  test('a file that is not there, or is not UTF-8', () => {
    const folder = mkdtempSync(join(tmpdir(), 'cardhub-config-'));
    const options = { env: {}, specs: [] };
    const missing = loadConfig(join(folder, 'hub.yaml'), options);
    expect(missing).toMatchObject({ ok: false, problems: [{ code: 'FILE_MISSING' }] });
    writeFileSync(join(folder, 'gbk.yaml'), Buffer.from('tenant: "\xc7\xe0"', 'latin1'));
    const gbk = loadConfig(join(folder, 'gbk.yaml'), options);
    expect(gbk).toMatchObject({ ok: false, problems: [{ code: 'FILE_UNREADABLE' }] });
    expect(loadConfig(folder, options)).toMatchObject({ ok: false, problems: [{ code: 'FILE_UNREADABLE' }] });
  });
});

describe('secrets', () => {
  test('never stand in a message: too short, of a wrong type, or under a mistyped key', () => {
    const text =
      MINIMAL +
      `      appKey: hunter2
      appKy: hunter2hunter2
secrets: { pseudonymKey: hunter2, pseudonimKey: hunter2 }
facade: { host: '', port: '\${PORT}' }
log: { kafka: { sasl: hunter2 } }
`;
    const found = problems(text, { env: { PORT: 'hunter2' } });
    expect(found).toHaveLength(7);
    expect(JSON.stringify(found)).not.toContain('hunter2');
  });

  test('are hidden when the configuration is printed', () => {
    const text = MINIMAL + 'secrets: { pseudonymKey: "0123456789abcdef" }\n';
    const { secrets } = config(text);
    expect(secrets.pseudonymKey?.reveal()).toBe('0123456789abcdef');
    expect(JSON.stringify(secrets) + String(secrets.pseudonymKey) + inspect(secrets)).not.toContain('0123');
  });
});
