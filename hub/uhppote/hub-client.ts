/** What the bridge asks of the hub: nothing but the facade, as every other client of it. */
import { compactVerify, createLocalJWKSet, type JSONWebKeySet } from 'jose';
import { STATEMENT_TYPE, type Statement } from '../doors/allow-list.js';
import type { ServedList } from '../doors/desk.js';
import type { IndexRange } from '../doors/index-ranges.js';

/** Somebody stands at the door. */
const DECIDE_MS_MAX = 1_000;
const ASK_MS_MAX = 10_000;

export interface UploadEvent {
  readonly index: number;
  readonly door: number;
  readonly card?: string;
  readonly direction?: 'enter' | 'exit';
  readonly granted?: boolean;
  readonly reason?: string;
  readonly occurredAt: string;
}

export interface EventsReport {
  readonly last: number;
  readonly gaps: readonly IndexRange[];
}

/**
 * The hub did not answer as it should. `status` 0: it did not answer at all. `busy`: it is there and answers decisions,
 * and has told whoever asks anything else to come again (429, or 503 `OVERLOADED`).
 */
export class HubError extends Error {
  override readonly name = 'HubError';
  readonly code = 'HUB';
  readonly retry = 'later';
  constructor(
    readonly status: number,
    message: string,
    readonly busy = false,
  ) {
    super(message);
  }
}

export interface HubClient {
  decide(asked: { card: string; profile: string; door: string; action: 'enter' | 'exit' }): Promise<boolean>;
  /** @returns null: what is held is the newest */
  list(
    id: string,
    held: { readonly since?: number | undefined; readonly etag?: string | undefined },
  ): Promise<{ readonly list: ServedList; readonly claims: Statement; readonly etag: string } | null>;
  confirm(id: string, version: number): Promise<void>;
  events(id: string): Promise<EventsReport>;
  upload(
    id: string,
    events: readonly UploadEvent[],
  ): Promise<EventsReport & { readonly refused: readonly number[] }>;
}

/** @param token static key or access token of the bridge's client */
export function hubClient(base: string, token: string): HubClient {
  const ask = async (method: string, path: string, options: AskOptions = {}): Promise<Response> => {
    const { body, headers = {}, timeoutMs = ASK_MS_MAX, accept = [200] } = options;
    let answer: Response;
    try {
      answer = await fetch(`${base}${path}`, {
        method,
        headers: {
          authorization: `Bearer ${token}`,
          ...(body !== undefined && { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(timeoutMs),
      });
    } catch (error) {
      throw new HubError(0, `no answer to ${method} ${path}: ${(error as Error).message}`);
    }
    if (accept.includes(answer.status)) return answer;
    const busy = await isBusy(answer);
    throw new HubError(answer.status, `${method} ${path} was answered with ${answer.status}`, busy);
  };
  const path = (id: string, what: string): string => `/v1/controllers/${encodeURIComponent(id)}/${what}`;
  const verify = verifier(
    async () => (await (await ask('GET', '/v1/controllers/jwks.json')).json()) as JSONWebKeySet,
  );
  return {
    async decide({ card, profile, door, action }) {
      const subject = { type: 'credential', id: card, properties: { readerProfile: profile } };
      const body = { subject, resource: { type: 'door', id: door }, action: { name: action } };
      const answer = await ask('POST', '/access/v1/evaluation', { body, timeoutMs: DECIDE_MS_MAX });
      return ((await answer.json()) as { decision?: unknown }).decision === true;
    },
    async list(id, { since, etag }) {
      const query = since === undefined ? '' : `?since=${since}`;
      const headers = etag === undefined ? {} : { 'if-none-match': etag };
      const answer = await ask('GET', `${path(id, 'allow-list')}${query}`, { headers, accept: [200, 304] });
      if (answer.status === 304) return null;
      const list = (await answer.json()) as ServedList;
      return { list, claims: await verify(list.statement), etag: answer.headers.get('etag') ?? '' };
    },
    async confirm(id, version) {
      await (await ask('PUT', path(id, 'confirmation'), { body: { version } })).body?.cancel();
    },
    events: async (id) => (await (await ask('GET', path(id, 'events'))).json()) as EventsReport,
    async upload(id, events) {
      const answer = await ask('POST', path(id, 'events'), { body: { events } });
      return (await answer.json()) as EventsReport & { refused: readonly number[] };
    },
  };
}

async function isBusy(answer: Response): Promise<boolean> {
  if (answer.status !== 503) {
    await answer.body?.cancel();
    return answer.status === 429;
  }
  const problem = (await answer.json().catch(() => null)) as { code?: unknown } | null;
  return problem?.code === 'OVERLOADED';
}

interface AskOptions {
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
  readonly accept?: readonly number[];
}

/** Verifies statements; fetches the keys again when one is signed with a key that it does not know. */
function verifier(fetchKeys: () => Promise<JSONWebKeySet>): (statement: string) => Promise<Statement> {
  let keys: ReturnType<typeof createLocalJWKSet> | undefined;
  const check = async (statement: string): Promise<Statement> => {
    keys ??= createLocalJWKSet(await fetchKeys());
    const { payload, protectedHeader } = await compactVerify(statement, keys, { algorithms: ['ES256'] });
    if (protectedHeader.typ !== STATEMENT_TYPE)
      throw new HubError(200, `a statement of the type ${protectedHeader.typ}`);
    return JSON.parse(new TextDecoder().decode(payload)) as Statement;
  };
  return async (statement) => {
    try {
      return await check(statement);
    } catch (error) {
      if ((error as { code?: string }).code !== 'ERR_JWKS_NO_MATCHING_KEY') throw error;
      keys = undefined;
      return check(statement);
    }
  };
}
