/**
 * What a controller may ask of the hub: its list, signed; to note the version that it holds; to take its events; and
 * what operators ask: who holds what, which revocations are not confirmed, which events are missing.
 */
import type { ControllerList } from '../../contracts/types.js';
import type { ControllerConfig } from '../config/types.js';
import type { HubView } from '../views/view.js';
import type { Statement } from './allow-list.js';
import { doorTerms } from './build.js';
import type { AllowLists } from './lists.js';
import { reportOf, revocationsOf, type ControllerReport, type Revocation } from './report.js';
import type { Signer } from './signing.js';
import type { ControllerState } from './state.js';

/** A statement is signed anew after this part of the time that it is good for. */
const RENEW_AFTER = 1 / 4;
/** Signed at most so often for one list. */
const RENEW_MS_MIN = 1_000;

/** A list, or a delta to one that the controller holds, as it is sent. */
export interface ServedList {
  readonly controller: string;
  readonly version: number;
  /** Of a delta: the version that it changes. */
  readonly since?: number;
  /** JWS in compact form (allow-list.ts). */
  readonly statement: string;
  /** All of them, in a delta too. */
  readonly profiles: readonly string[];
  /** The whole list. */
  readonly entries?: readonly string[];
  /** Of a delta: entries that are new or other; those of the same number are replaced. */
  readonly changed?: readonly string[];
  /** Of a delta: numbers without an entry. */
  readonly removed?: readonly string[];
}

export class ControllerDesk {
  readonly #statements = new Map<string, { etag: string; version: number; at: number; jws: string }>();

  constructor(
    private readonly parts: {
      readonly tenant: string;
      readonly lists: AllowLists;
      readonly view: HubView;
      readonly signer: Signer;
      readonly now: () => number;
      readonly write: (records: readonly ControllerList[], asOf: number) => Promise<void>;
    },
  ) {}

  get jwks(): Signer['jwks'] {
    return this.parts.signer.jwks;
  }

  controller(id: string): ControllerConfig | undefined {
    return this.parts.lists.states.get(id)?.config;
  }

  /**
   * @param asked `isHeld`: whether the controller holds the list of this ETag already
   * @returns without a list: it holds it; `not-ready`: not built since this process began, or another hub keeps the lists
   */
  async list(
    id: string,
    asked: { readonly since?: number | undefined; readonly isHeld?: (etag: string) => boolean },
  ): Promise<'not-ready' | { readonly etag: string; readonly list?: ServedList }> {
    const { since, isHeld } = asked;
    const state = this.parts.lists.states.get(id);
    if (state === undefined || state.until === 0 || !this.parts.lists.active) return 'not-ready';
    // What is read here belongs together: the statement is awaited for it, and the list may go on meanwhile.
    const { listVersion: version, profiles, lines } = state;
    const delta = since === undefined ? undefined : state.delta(since);
    const signed = await this.#statement(state);
    if (signed.version !== version) return this.list(id, asked);
    if (isHeld?.(signed.etag) === true) return { etag: signed.etag };
    const head = { controller: id, version, statement: signed.jws, profiles };
    const list = delta === undefined ? { ...head, entries: lines } : { ...head, since, ...delta };
    return { etag: signed.etag, list: list as ServedList };
  }

  /** @returns null: a version that was never issued */
  async confirm(id: string, version: number): Promise<ControllerReport | null> {
    const { lists, now, write } = this.parts;
    const state = lists.states.get(id);
    if (state === undefined || version > state.listVersion) return null;
    await lists.exclusive(async () => {
      const at = now();
      const { records, apply } = state.confirm(version, at);
      await write(records, at);
      apply();
    });
    return reportOf(state);
  }

  /** Events with these indexes are durable. */
  async received(id: string, indexes: readonly number[]): Promise<void> {
    const { lists, now, write } = this.parts;
    const state = lists.states.get(id);
    if (state === undefined) return;
    let news = false;
    for (const index of indexes) news = state.received.add(index) || news;
    if (!news || !lists.active) return;
    await lists.exclusive(async () => {
      const { records, apply } = state.receivedRecord();
      await write(records, now());
      apply();
    });
  }

  reports(): ControllerReport[] {
    return [...this.parts.lists.states.values()].map(reportOf);
  }

  report(id: string): ControllerReport | undefined {
    const state = this.parts.lists.states.get(id);
    return state && reportOf(state);
  }

  revocations(card?: string): Revocation[] {
    return revocationsOf(this.parts.lists.states.values(), card);
  }

  async #statement(state: ControllerState): Promise<{ etag: string; version: number; jws: string }> {
    const { tenant, view, signer, now } = this.parts;
    const { config, listVersion: version, digest, streams, entries } = state;
    const at = now();
    const standing = this.#statements.get(config.id);
    if (standing?.version === version && at - standing.at < renewMs(config, view) && at >= standing.at) {
      return standing;
    }
    const iat = Math.floor(at / 1_000);
    const statement: Statement = {
      ...{ iss: tenant, sub: config.id, iat, version, digest: digest ?? '', entries: entries.size },
      exp: Math.floor(Math.min(at + config.validityMs, state.until) / 1_000),
      profile: config.readerProfile,
      doors: doorTerms(config, view, streams),
    };
    const made = { version, at, etag: `"${version}.${at}"`, jws: await signer.sign(statement) };
    this.#statements.set(config.id, made);
    return made;
  }
}

/** Sooner where a door of it closes by the age of the data. */
function renewMs({ doors, validityMs }: ControllerConfig, view: HubView): number {
  const policy = view.policy();
  const ages = doors.map(({ key }) => {
    const { whenStale, staleAfterMs } = policy.doorRules(view.door(key)?.doorClass ?? '');
    return whenStale === 'deny' ? staleAfterMs : Infinity;
  });
  return Math.max(RENEW_MS_MIN, RENEW_AFTER * Math.min(validityMs, ...ages));
}
