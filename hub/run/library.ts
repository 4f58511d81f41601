/** The library that lends, for the desks (SIP2 and REST): the one source whose connector can, with our keys made its numbers. */
import type { LendsBooks } from '../../connectors/sdk.js';
import type { SourceConfig } from '../config/types.js';
import { decidesOnly } from '../sip2/library-desk.js';
import type { LibraryDesk, LibraryReader, Refused } from '../sip2/library-desk.js';
import type { OpenSource } from './sources.js';

/** The first source that lends; where none does, the hub says so to every desk. */
export function openLibraryDesk(sources: readonly OpenSource[]): LibraryDesk {
  for (const { connector, config } of sources) {
    if (connector.lends !== undefined) return connected(connector.lends, config);
  }
  return decidesOnly;
}

const UNREACHABLE: Refused = { ok: false, code: 'UNREACHABLE' };

function connected(lends: LendsBooks, { mapping }: Pick<SourceConfig, 'mapping'>): LibraryDesk {
  const { cardSource, personSource } = mapping as {
    readonly cardSource?: string;
    readonly personSource?: string;
  };
  const numbers = ({ cardKey, personKey }: LibraryReader) => ({
    cardNumber: numberOf(cardKey, cardSource),
    schoolNumber: numberOf(personKey, personSource),
  });
  return {
    ...decidesOnly,
    offers: { loans: true, passwords: false, accounts: false },
    async checkout(request, signal) {
      try {
        const outcome = await lends.checkout({ ...request, ...numbers(request) }, signal);
        return outcome.ok ? outcome : { ok: false, code: 'REFUSED', says: outcome.says };
      } catch {
        return UNREACHABLE;
      }
    },
    async checkin(request, signal) {
      try {
        const outcome = await lends.checkin(request, signal);
        return outcome.ok ? outcome : { ok: false, code: 'REFUSED', says: outcome.says };
      } catch {
        return UNREACHABLE;
      }
    },
    async borrower(request, signal) {
      const found = await lends.borrower(request, signal);
      if (found === undefined) return undefined;
      const key = (number: string | undefined, source: string | undefined) =>
        number === undefined || source === undefined ? undefined : `${source}:${number}`;
      return { cardKey: key(found.cardNumber, cardSource), personKey: key(found.schoolNumber, personSource) };
    },
  };
}

/** `core:123` of the core `core` is its number 123; of another source the library knows nothing. */
function numberOf(key: string | undefined, source: string | undefined): string | undefined {
  return source !== undefined && key?.startsWith(`${source}:`) === true
    ? key.slice(source.length + 1)
    : undefined;
}
