/** The `sip2` section of hub.yaml: from its checked form to `Sip2Config`, and what its names refer to. */
import { resolve } from 'node:path';
import { SCREEN_KEYS } from '../sip2/screen.js';
import { BUILT_IN } from '../../transforms/reader-profiles.js';
import type { SourceDocument } from './document.js';
import { parseDuration } from './duration.js';
import { asBlock, checkReference } from './refer.js';
import { secret } from './secret.js';
import type { ConfigProblem, Sip2Config, Sip2Institution, Sip2Login } from './types.js';

/** As hub.schema.json has accepted it and filled its defaults in. */
export type RawSip2 = Pick<Sip2Config, 'host' | 'port' | 'encoding' | 'plaintext'> & {
  readonly tls?: { readonly certFile: string; readonly keyFile: string; readonly caFile?: string };
  readonly limits: Pick<Sip2Config['limits'], 'connections' | 'perAddress' | 'lineBytes'> & {
    readonly line: string;
    readonly login: string;
    readonly idle: string;
  };
  readonly institutions: Readonly<Record<string, Sip2Institution>>;
  readonly logins: Readonly<
    Record<string, Omit<Sip2Login, 'passwordHash'> & { readonly passwordHash: string }>
  >;
};

export function buildSip2(raw: RawSip2, baseDir: string): Sip2Config {
  const { host, port, encoding, plaintext, institutions, tls } = raw;
  const { connections, perAddress, lineBytes, line, login, idle } = raw.limits;
  const ms = (text: string): number => parseDuration(text) ?? 0;
  return {
    ...{ host, port, encoding, plaintext, institutions },
    tls:
      tls === undefined
        ? undefined
        : {
            certFile: resolve(baseDir, tls.certFile),
            keyFile: resolve(baseDir, tls.keyFile),
            ...(tls.caFile === undefined ? {} : { caFile: resolve(baseDir, tls.caFile) }),
          },
    limits: { connections, perAddress, lineBytes, lineMs: ms(line), loginMs: ms(login), idleMs: ms(idle) },
    logins: Object.fromEntries(
      Object.entries(raw.logins).map(([name, given]) => [
        name,
        { ...given, passwordHash: secret(given.passwordHash) },
      ]),
    ),
  };
}

/** Every profile, source and institution that the section names must exist. */
export function checkSip2(document: SourceDocument): ConfigProblem[] {
  const data = asBlock(document.data);
  const sip2 = asBlock(data['sip2']);
  const institutions = asBlock(sip2['institutions']);
  const profiles = [...Object.keys(BUILT_IN), ...Object.keys(asBlock(asBlock(data['readers'])['profiles']))];
  const sources = Object.keys(asBlock(data['sources']));
  const problems: ConfigProblem[] = [];
  const refer = (path: readonly string[], name: unknown, known: readonly string[], what: string): void => {
    problems.push(...checkReference(document, { path, name, known, what: `the name of ${what}` }));
  };
  for (const [name, institution] of Object.entries(institutions)) {
    const reader = asBlock(asBlock(institution)['reader']);
    const path = ['sip2', 'institutions', name, 'reader'];
    refer([...path, 'profile'], reader['profile'], profiles, 'a reader profile');
    refer([...path, 'source'], reader['source'], sources, 'a source');
    for (const key of Object.keys(asBlock(asBlock(institution)['messages']))) {
      refer(['sip2', 'institutions', name, 'messages', key], key, SCREEN_KEYS, 'a screen message');
    }
  }
  for (const [name, login] of Object.entries(asBlock(sip2['logins']))) {
    const served = asBlock(login)['institutions'];
    for (const [index, institution] of (Array.isArray(served) ? served : []).entries()) {
      const path = ['sip2', 'logins', name, 'institutions', String(index)];
      refer(path, institution, Object.keys(institutions), 'an institution');
    }
  }
  return problems;
}
