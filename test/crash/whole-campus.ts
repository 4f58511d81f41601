/**
 * The whole campus as the upstream of a kill loop: all systems over real sockets, in this process, with a clock that
 * stands still, so that two runs read the same. The notices of its banks are made beforehand and pushed meanwhile.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { noticeBytes, send } from '../../campus/bank/notify.js';
import type { Agreement } from '../../campus/bank/books.js';
import { startCampus, type Campus } from '../../campus/main.js';
import { writeDemoConfig } from '../../hub/demo/campus-config.js';
import { liveFirst } from '../../hub/demo/first-day.js';
import type { DatabaseServer } from '../databases/postgresql.js';
import { between, seeded } from './random.js';

/** A Thursday, 10:00 in Shanghai: banks are open, and the files of a week are there. */
export const MORNING = Date.UTC(2026, 8, 10, 2);

export interface WholeCampus {
  readonly campus: Campus;
  readonly notices: readonly Notice[];
  readonly config: string;
}

export interface Notice {
  readonly bank: 'wss' | 'concat';
  readonly bytes: Buffer;
  readonly agreement: Agreement;
}

export interface WholeCampusOptions {
  readonly dir: string;
  readonly seed: number;
  readonly people: number;
  readonly notices: number;
  readonly pageRows: number;
  /** Of the facade, where the banks push. */
  readonly port: number;
  readonly server: DatabaseServer;
}

export async function startWholeCampus(options: WholeCampusOptions): Promise<WholeCampus> {
  const { dir, seed, people } = options;
  const clock = { now: MORNING, rate: 0 };
  const campus = await startCampus({ dir: join(dir, 'campus'), seed, people, life: false, clock });
  for (let day = 0; day < people / 100; day += 1) liveFirst(campus);
  return { campus, notices: makeNotices(campus, options), config: writeWholeConfig(campus, options) };
}

/** Signings and cancellations, some of one person more than once. */
function makeNotices(campus: Campus, { seed, notices }: WholeCampusOptions): Notice[] {
  const random = seeded(seed ^ 0xba);
  const { books, keys } = campus.bank;
  const people = books.agreements();
  return Array.from({ length: notices }, (_, n): Notice => {
    const { customerNo } = people[between(random, 0, people.length)] as Agreement;
    const kind = random() < 0.5 ? 'sign' : 'cancel';
    const agreement = books.change(customerNo, kind === 'sign' ? 'signed' : 'cancelled');
    const bank = n % 2 === 0 ? 'wss' : 'concat';
    return {
      bank,
      agreement,
      bytes: noticeBytes({ world: campus.world, keys, books }, bank, kind, agreement),
    };
  });
}

/** @returns true once the hub has said that it is durable */
export async function push(campus: Campus, notice: Notice, port: number): Promise<boolean> {
  const { bank, bytes, agreement } = notice;
  const url = `http://127.0.0.1:${port}/intake/${bank === 'wss' ? 'bank-sea' : 'bank-river'}`;
  const { books, keys } = campus.bank;
  try {
    const told = await send({ world: campus.world, keys, books }, bank, bytes, agreement, url);
    return told.code === '0000';
  } catch {
    return false;
  }
}

interface Yaml {
  facade: object;
  banks?: object;
  sinks?: object;
  sources: Record<string, { options: Record<string, unknown>; streams?: Record<string, object> }>;
}

/** The demo's hub.yaml with small pages, so that there are many commits to kill at, and a sink. */
function writeWholeConfig(campus: Campus, options: WholeCampusOptions): string {
  const { dir, pageRows, port, server } = options;
  const path = writeDemoConfig({ dir, campus, systems: 'all', port });
  const config = parse(readFileSync(path, 'utf8')) as Yaml;
  // What is matched meanwhile depends on what was read first; the matching has a kill test of its own.
  delete config.banks;
  for (const source of Object.values(config.sources)) {
    source.options['pageRows'] = pageRows;
    // The limits of a real campus would make the run wait more than it commits.
    if ('url' in source.options) source.options['http'] = { perSecond: 1_000 };
  }
  const { host, port: at, user, password } = server;
  const tables = { dialect: 'postgresql', host, port: at, user, password, database: 'postgres', tls: 'off' };
  // Two data folders would have two keys, and with them other pseudonyms.
  const secrets = { pseudonymKey: 'one key for both runs of the kill loop' };
  writeFileSync(path, stringify({ ...config, secrets, sinks: { platform: tables } }));
  return path;
}
