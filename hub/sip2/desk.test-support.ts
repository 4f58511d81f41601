/** A desk over the view of `views/view.fixture.ts`, for tests: `core:1` is 张小三's card, UID 5630F009. */
import type { Decision as DecisionRecord } from '../../contracts/types.js';
import type { Sip2Config, Sip2Institution } from '../config/types.js';
import { DecisionLog } from '../facade/decision-log.js';
import type { HubView } from '../views/view.js';
import { fixtureView, NOW } from '../views/view.fixture.js';
import { checksumOf } from './checksum.js';
import { decidesOnly } from './library-desk.js';
import type { LibraryDesk } from './library-desk.js';
import { parseMessage } from './message.js';
import type { Message } from './message.js';
import type { SessionParts } from './session.js';
import type { Terminal } from './desk.js';

export const MAIN: Sip2Institution = {
  name: 'Main Library',
  language: 'en',
  reader: { by: 'card-number', profile: 'uid-hex' },
  shortAnswers: true,
  messages: {},
};

export const LIMITS: Sip2Config['limits'] = {
  connections: 256,
  perAddress: 64,
  lineBytes: 2_048,
  lineMs: 10_000,
  loginMs: 30_000,
  idleMs: 900_000,
};

export interface Desk {
  readonly parts: SessionParts;
  readonly view: HubView;
  readonly written: DecisionRecord[];
  readonly unknown: string[];
  readonly close: () => Promise<void>;
}

export interface DeskChange {
  readonly institutions?: Readonly<Record<string, Sip2Institution>>;
  readonly library?: LibraryDesk;
  readonly ready?: boolean;
  readonly encoding?: SessionParts['encoding'];
  readonly offlineUploads?: boolean;
}

/** A desk whose one login is `desk` with the password `secret`. */
export function createDesk(change: DeskChange = {}): Desk {
  const written: DecisionRecord[] = [];
  const unknown: string[] = [];
  const decisions = new DecisionLog<DecisionRecord>({
    sink: { encode: (record) => record, append: async (records) => void written.push(...records) },
    replica: 'r1',
    pseudonym: (text) => `hmac-sha256:${text.length}`,
    now: () => NOW,
    flushMs: 60_000,
  });
  const view = fixtureView();
  const institutions = new Map(Object.entries(change.institutions ?? { main: MAIN }));
  const parts: SessionParts = {
    view,
    decisions,
    library: change.library ?? decidesOnly,
    now: () => NOW,
    ready: () => change.ready ?? true,
    encoding: change.encoding ?? 'utf-8',
    counters: { decided: () => undefined, unknownReader: (login) => unknown.push(login) },
    logIn: async (user, password, location): Promise<Terminal | undefined> =>
      user === 'desk' && password === 'secret'
        ? { login: user, institutions, location, offlineUploads: change.offlineUploads ?? false }
        : undefined,
  };
  return { parts, view, written, unknown, close: () => decisions.close() };
}

/** A library that lends everything, remembers it, and knows one PIN. */
export function memoryLibrary(
  change: Partial<LibraryDesk> = {},
): LibraryDesk & { readonly lent: Map<string, string> } {
  const lent = new Map<string, string>();
  return {
    lent,
    offers: { loans: true, passwords: true, accounts: true },
    checkout: async ({ item, cardKey }) => {
      lent.set(item, cardKey ?? '');
      return { ok: true, title: '红楼梦', dueAt: NOW + 30 * 86_400_000, renewed: false };
    },
    checkin: async ({ item }) =>
      lent.delete(item)
        ? { ok: true, title: '红楼梦', shelf: 'A-3' }
        : { ok: false, code: 'REFUSED', says: 'Not lent.' },
    borrower: async ({ item }) => {
      const cardKey = lent.get(item);
      return cardKey === undefined ? undefined : { cardKey, personKey: undefined };
    },
    passwordRight: async (_reader, password) => password === '4711',
    account: async () => ({ blocks: [6], overdueItems: 2, chargedItems: 5 }),
    ...change,
  };
}

/** The line as a desk with error detection sends it. */
export function sealed(text: string, sequence: number): string {
  const head = Buffer.from(`${text}AY${sequence}AZ`, 'utf8');
  return head.toString('latin1') + checksumOf(head);
}

/** An answer, without its trailer and terminator. */
export function read(bytes: Buffer | undefined): Message {
  const text = (bytes ?? Buffer.alloc(0)).toString('utf8').replace(/(?:AY\d)?(?:AZ[0-9A-F]{4})?[\r\n]+$/, '');
  const parsed = parseMessage(text);
  if (!parsed.ok) throw new Error(`no message (${parsed.problem}): ${text}`);
  return parsed.message;
}
