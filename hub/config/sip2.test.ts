import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { ConnectorSpec } from '../../connectors/sdk.js';
import { loadConfigText } from './load.js';

const HASH = `scrypt:16384:8:1:${'A'.repeat(22)}:${'B'.repeat(43)}`;
const core: ConnectorSpec = {
  kind: 'card-core/gateway',
  title: { en: 'Core', zh: '核心' },
  summary: '',
  quirks: [],
  streams: [],
  options: { type: 'object' },
};

function load(sip2: string) {
  const text = `version: 1\ntenant: qau\nsources:\n  core: { connector: card-core/gateway }\nsip2:\n${sip2}`;
  return loadConfigText(text, '/srv/school/hub.yaml', { env: {}, specs: [core] });
}

const SECTION = `  institutions:
    main:
      reader: { by: card-number, profile: uid-hex }
  logins:
    kiosk:
      passwordHash: '${HASH}'
      institutions: [main]
`;

describe('the sip2 section', () => {
  it('needs libraries and logins only; the rest has safe defaults', () => {
    const result = load(SECTION);
    if (!result.ok) throw new Error(JSON.stringify(result.problems));
    const { sip2 } = result.config;
    expect(sip2).toMatchObject({
      host: '127.0.0.1',
      port: 6001,
      encoding: 'utf-8',
      plaintext: false,
      tls: undefined,
    });
    expect(sip2?.limits).toEqual({
      connections: 256,
      perAddress: 64,
      lineBytes: 2_048,
      lineMs: 10_000,
      loginMs: 30_000,
      idleMs: 900_000,
    });
    expect(sip2?.institutions['main']).toMatchObject({ language: 'zh', shortAnswers: true, messages: {} });
    expect(sip2?.logins['kiosk']).toMatchObject({ locations: [], offlineUploads: false });
    expect(sip2?.logins['kiosk']?.passwordHash.reveal()).toBe(HASH);
    expect(inspect(result.config, { depth: null }) + JSON.stringify(result.config)).not.toContain('BBBB');
  });

  it('finds certificates beside hub.yaml', () => {
    const result = load(`  tls: { certFile: desk.pem, keyFile: /etc/keys/desk.key }\n${SECTION}`);
    expect(result.ok && result.config.sip2?.tls).toEqual({
      certFile: '/srv/school/desk.pem',
      keyFile: '/etc/keys/desk.key',
    });
  });

  it('is absent where nobody asked for desks', () => {
    const text = 'version: 1\ntenant: qau\nsources:\n  core: { connector: card-core/gateway }\n';
    const result = loadConfigText(text, '/srv/hub.yaml', { env: {}, specs: [core] });
    expect(result.ok && result.config.sip2).toBe(undefined);
  });

  it.each([
    [
      'a profile that is none',
      SECTION.replace('uid-hex', 'uid-hx'),
      'UNKNOWN_REFERENCE',
      'did you mean "uid-hex"?',
    ],
    [
      'a source that is none',
      SECTION.replace('card-number, profile: uid-hex', 'school-number, source: cor'),
      'UNKNOWN_REFERENCE',
      'did you mean "core"?',
    ],
    ['a library that is none', SECTION.replace('[main]', '[law]'), 'UNKNOWN_REFERENCE', undefined],
    [
      'a message that is never shown',
      SECTION.replace('    main:\n', '    main:\n      messages: { DENY_LOSS: { en: x } }\n'),
      'UNKNOWN_REFERENCE',
      'did you mean "DENY_LOST"?',
    ],
  ])('refuses %s, with its line', (_what, section, code, hint) => {
    const result = load(section);
    expect(result.ok).toBe(false);
    if (result.ok) return;
    expect(result.problems).toHaveLength(1);
    expect(result.problems[0]).toMatchObject({ code, ...(hint === undefined ? {} : { hint }) });
    expect(result.problems[0]?.line).toBeGreaterThan(5);
  });

  it('refuses a password where its hash belongs, and does not repeat it', () => {
    const result = load(SECTION.replace(HASH, 'open sesame'));
    expect(result.ok).toBe(false);
    expect(JSON.stringify(result)).not.toContain('sesame');
  });
});
