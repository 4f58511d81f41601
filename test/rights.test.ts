/** Clients, their rights and the audit trail, through a running hub with TLS, its command line and its log. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectors } from '../connectors/index.js';
import { TOPICS, type AuditRecord, type Decision } from '../contracts/types.js';
import { newSecret } from '../hub/clients/secrets.js';
import { loadConfig } from '../hub/config/load.js';
import type { Config } from '../hub/config/types.js';
import { openCodecs, recordCodec } from '../hub/run/codec.js';
import { openJournal } from '../hub/run/journal.js';
import { openLog } from '../hub/run/open-log.js';
import { startRuntime, type Runtime } from '../hub/run/runtime.js';
import { askLocal } from '../hub/operate/local-socket.js';
import { cardhub } from './cardhub.js';

const HUB = 'https://cards.example.edu';
const GROUP = process.getgid?.() ?? 0;
const desk = newSecret();
const gate = newSecret();
let dir = '';
let runtime: Runtime;
let config: Config;
const codec = recordCodec(openCodecs(), '/qau/hub', Date.now);
const path = (name: string): string => join(dir, name);

/** What a client of this name and these rights is in hub.yaml; the file is written anew with each call. */
function writeConfig(name: string, data: string, deskScopes: string[]): void {
  const clients = {
    desk: {
      credentials: { secrets: [desk.digest] },
      ...{ scopes: deskScopes, purposes: ['identity', 'door'], doors: 'all' },
    },
    gate: {
      credentials: { staticKeys: [gate.digest] },
      ...{ scopes: ['decide'], purposes: ['door'], doors: ['gate:d1'], networks: ['127.0.0.0/8'] },
    },
  };
  const options = { folder: dir, pattern: 'none.csv', columns: { cardno: 'C' } };
  const tls = { certFile: path('cert.pem'), keyFile: path('key.pem') };
  const config = {
    ...{ version: 1, tenant: 'qau', data: path(data), keys: { dir: path('keys') }, clients },
    sources: { core: { connector: 'card-core/files', options } },
    facade: { port: 0, publicUrl: HUB, tls },
    operators: { sockets: path('run'), groups: { operate: GROUP, approve: GROUP } },
  };
  writeFileSync(path(name), JSON.stringify(config));
}

function makeCertificate(name: string): void {
  const key = [
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-keyout',
    path('key.pem'),
    '-nodes',
  ];
  const args = ['req', '-x509', ...key, '-out', path('cert.pem'), '-subj', `/CN=${name}`, '-days', '2'];
  execFileSync('openssl', args, { stdio: 'ignore' });
}

interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
  readonly certificate: string;
}

async function ask(at: string, body?: string, headers: Record<string, string> = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const options = {
      method: body === undefined ? 'GET' : 'POST',
      headers,
      rejectUnauthorized: false,
      agent: false as const,
    };
    const sent = request(`${runtime.facade.url}${at}`, options, (response) => {
      let text = '';
      const certificate = (response.socket as TLSSocket).getPeerCertificate().subject.CN;
      response.on('data', (part: Buffer) => (text += part.toString()));
      response.on('end', () => {
        const json = /json/.test(response.headers['content-type'] ?? '');
        const read = json ? (JSON.parse(text) as Record<string, unknown>) : { text };
        resolve({ status: response.statusCode ?? 0, body: read, certificate: String(certificate) });
      });
    });
    sent.on('error', reject).end(body);
  });
}

const json = (token: string) => ({ 'content-type': 'application/json', authorization: `Bearer ${token}` });
const evaluation = (id: string): string =>
  JSON.stringify({
    subject: { type: 'card', id: 'core:1' },
    resource: { type: 'door', id },
    action: { name: 'enter' },
  });

async function token(): Promise<string> {
  const basic = Buffer.from(`desk:${desk.secret}`).toString('base64');
  const headers = { authorization: `Basic ${basic}`, 'content-type': 'application/x-www-form-urlencoded' };
  return (await ask('/oauth2/token', 'grant_type=client_credentials', headers)).body[
    'access_token'
  ] as string;
}

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'cardhub-clients-'));
  makeCertificate('first.test');
  writeConfig('hub.yaml', 'data', ['identity', 'explain']);
  const specs = Object.values(connectors).map(({ spec }) => spec);
  const loaded = loadConfig(path('hub.yaml'), { env: {}, specs });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  config = loaded.config;
  runtime = await startRuntime(config, {
    connectors: Object.values(connectors),
    onFatal: (error) => {
      throw error;
    },
  });
  await runtime.follower.whenReady;
});
afterAll(async () => {
  await runtime.stop();
  rmSync(dir, { recursive: true, force: true });
});

describe('a hub with clients', () => {
  it('answers each by its agreement: a static key at its doors, a token for its scopes', async () => {
    expect(await ask('/access/v1/evaluation', evaluation('gate:d1'), json(gate.secret))).toMatchObject({
      status: 200,
    });
    expect((await ask('/access/v1/evaluation', evaluation('gate:d2'), json(gate.secret))).status).toBe(403);
    expect((await ask('/access/v1/evaluation', evaluation('gate:d1'))).status).toBe(401);
    const bearer = await token();
    const check = JSON.stringify({ card: 'core:1' });
    expect(await ask('/v1/identity/check', check, json(bearer))).toMatchObject({
      status: 200,
      body: { match: false },
    });
    expect((await ask('/access/v1/evaluation', evaluation('gate:d1'), json(bearer))).status).toBe(403);
    expect((await ask('/metrics', undefined, json(bearer))).status).toBe(403);
    expect((await ask('/livez')).status).toBe(200);
  });

  it('refuses one that is switched off at once, with the token that it has, until it is switched on', async () => {
    const bearer = await token();
    const check = JSON.stringify({ card: 'core:1' });
    const once = async () => (await ask('/v1/identity/check', check, json(bearer))).status;
    expect(await once()).toBe(200);
    const disable = await cardhub(
      {},
      'clients',
      'disable',
      'desk',
      '--reason',
      'key was lost',
      '-c',
      path('hub.yaml'),
    );
    expect(disable).toMatchObject({ exit: 0, document: { from: null, inForce: true } });
    expect([await once(), await token()]).toEqual([401, undefined]);
    const listed = await cardhub({}, 'clients', 'list', '-c', path('hub.yaml'));
    expect(listed.document).toMatchObject({
      clients: [{ client: 'desk', state: 'DISABLED' }, { client: 'gate' }],
    });
    await cardhub({}, 'clients', 'enable', 'desk', '-c', path('hub.yaml'));
    expect(await once()).toBe(200);
    expect((await cardhub({}, 'clients', 'disable', 'nobody', '-c', path('hub.yaml'))).exit).toBe(2);
  });

  it('takes a changed agreement and a new signing key without a restart', async () => {
    const bearer = await token();
    const check = JSON.stringify({ card: 'core:1' });
    writeConfig('hub.yaml', 'data', ['explain']);
    expect(await cardhub({}, 'clients', 'reload', '-c', path('hub.yaml'))).toMatchObject({
      exit: 0,
      document: { clients: 2 },
    });
    expect((await ask('/v1/identity/check', check, json(bearer))).status).toBe(403);
    writeConfig('hub.yaml', 'data', ['identity', 'explain']);
    await cardhub({}, 'clients', 'reload', '-c', path('hub.yaml'));
    expect((await ask('/v1/identity/check', check, json(bearer))).status).toBe(200);
    await cardhub({}, 'clients', 'rotate-keys', '--revoke', '-c', path('hub.yaml'));
    expect((await ask('/v1/identity/check', check, json(await token()))).status).toBe(200);
  });
});

describe('its operators', () => {
  it('give commands on the socket of their right, and on no other', async () => {
    const on = async (right: string, name: string, body: object) => {
      const answer = await askLocal('', name, body, { socket: join(path('run'), `${right}.sock`) });
      return answer.ok ? 'OK' : answer.code;
    };
    const enable = { client: 'desk', state: 'ENABLED', by: 'test' };
    expect(await on('operate', 'status', {})).toBe('OK');
    expect(await on('operate', 'client-switch', enable)).toBe('NOT_ALLOWED');
    expect(await on('approve', 'client-switch', enable)).toBe('OK');
    expect(await on('approve', 'rotate-keys', {})).toBe('NOT_ALLOWED');
  });
});

/** The log as somebody would leave it who may write to it: records read, changed, and written to a log of their own. */
async function tampered(name: string, change: (records: AuditValue[]) => AuditValue[]): Promise<void> {
  writeConfig(`${name}.yaml`, name, ['identity']);
  const records = await readAll('hub.audit');
  const log = await openLog({ ...config, dataDir: path(name) });
  await log.applyTopics(TOPICS);
  const journal = await openJournal(log, codec, 'qau/hub/x/0', Date.now);
  await journal.append(
    change(records).map(({ key, value }, i) => ({
      ...{ topic: 'hub.audit', key, value },
      headers: codec.headers('hub.audit', key, `${i}`, Date.now()),
    })),
  );
  await journal.close();
  await log.close();
}

interface AuditValue {
  readonly key: string;
  readonly value: Uint8Array;
}

async function readAll(topic: 'hub.audit' | 'hub.decision'): Promise<AuditValue[]> {
  const log = await openLog(config, { readOnly: true });
  const records: AuditValue[] = [];
  for await (const batch of log.read({ topic, until: 'end' })) {
    for (const { key, value } of batch.records) if (value !== null) records.push({ key, value });
  }
  await log.close();
  return records;
}

describe('its audit trail', () => {
  const findings = async (config: string): Promise<string[]> => {
    const { exit, document } = await cardhub({}, 'audit', 'verify', '-c', path(config));
    const codes = (document as { findings: { code: string }[] }).findings.map(({ code }) => code);
    expect(exit).toBe(codes.length === 0 ? 0 : 1);
    return [...new Set(codes)];
  };

  it('is whole while the hub runs and when it has ended', async () => {
    expect(await findings('hub.yaml')).toEqual([]);
    expect((await ask('/livez')).certificate).toBe('first.test');
    expect(runtime.facade.certificateEnds()).toBeGreaterThan(Date.now());
    await runtime.stop();
    expect(await findings('hub.yaml')).toEqual([]);
  });

  it('says who asked what, with what outcome; decisions stand with their client in hub.decision', async () => {
    const records = await readAll('hub.audit');
    const found = records.map(({ value }) => codec.decode('hub.audit', value) as AuditRecord);
    expect(found[0]).toMatchObject({ kind: 'START', sequence: 0, previous: '' });
    expect(found).toContainEqual(
      expect.objectContaining({
        kind: 'REQUEST',
        client: 'desk',
        right: 'identity',
        action: '/v1/identity/check',
        purpose: 'identity',
        outcome: 'OK',
      }),
    );
    expect(found).toContainEqual(
      expect.objectContaining({ kind: 'TOKEN', client: 'desk', outcome: 'ISSUED' }),
    );
    expect(found).toContainEqual(
      expect.objectContaining({ kind: 'REFUSED', client: 'desk', outcome: 'DISABLED' }),
    );
    expect(found).toContainEqual(
      expect.objectContaining({ kind: 'COMMAND', right: 'approve', action: 'client-switch' }),
    );
    expect(found.map(({ kind }) => kind).slice(-2)).toEqual(['END', 'CHECKPOINT']);
    const decisions = (await readAll('hub.decision')).map(
      ({ value }) => codec.decode('hub.decision', value) as Decision,
    );
    expect(decisions[0]).toMatchObject({ client: 'gate', purpose: 'door', reason: 'DENY_UNKNOWN_DOOR' });
  });

  it.each([
    ['CHANGED', (records: AuditValue[], codec: typeof changeAt) => codec(records, 3)],
    ['REMOVED', (records: AuditValue[]) => records.filter((_, i) => i !== 3)],
    ['REORDERED', ([a, b, c, ...rest]: AuditValue[]) => [a!, c!, b!, ...rest]],
  ] as const)('shows what was %s', async (code, change) => {
    await tampered(code, (records) => change(records, changeAt));
    expect(await findings(`${code}.yaml`)).toContain(code);
  });

  it('shows that its end was cut, by the checkpoint that stands beside the log', async () => {
    await tampered('CUT', (records) => records.slice(0, -4));
    expect(await findings('CUT.yaml')).toEqual([]);
    writeFileSync(
      join(path('CUT'), 'audit-checkpoint.jws'),
      readFileSync(join(path('data'), 'audit-checkpoint.jws')),
    );
    expect(await findings('CUT.yaml')).toEqual(['CUT']);
  });
});

function changeAt(records: AuditValue[], at: number): AuditValue[] {
  return records.map((one, i) => {
    if (i !== at) return one;
    const record = codec.decode('hub.audit', one.value) as AuditRecord;
    return { ...one, value: codec.encode('hub.audit', { ...record, client: 'somebody-else' }) };
  });
}
