import { ConnectorError, type ConnectorContext, type Stream, type StreamSpec } from '../sdk.js';
import { lazyRow, reparseJson } from '../sdk-pages.js';
import type { PowerVendorRow } from './rows.js';

/** Health of a vendor as a stream: its trouble is a row that tells it, so the stream itself goes on. */

export function neverHere(spec: StreamSpec, what: string): never {
  throw new ConnectorError('CONFIG', `stream ${spec.name} has no ${what}`, 'never');
}

/** A listing of one row, the probe's outcome. */
export function probeStream(
  spec: StreamSpec,
  probe: (signal: AbortSignal) => Promise<PowerVendorRow>,
  context: ConnectorContext,
): Stream {
  return {
    spec,
    reparse: reparseJson,
    feedStart: async () => null,
    changes: async () => neverHere(spec, 'feed'),
    async snapshotPage(_cursor, signal) {
      signal.throwIfAborted();
      const asOf = context.now();
      const row = await probe(signal);
      return {
        rows: [lazyRow(row.vendor, row.vendor, row)],
        next: null,
        state: 'end',
        asOf,
        absenceUsable: false,
        unanswered: row.outcome === 'network',
      };
    },
  };
}

/** What an error of a probe says of the vendor. @throws the error when it is our own fault and not the vendor's */
export function outcomeOf(error: ConnectorError): PowerVendorRow['outcome'] {
  switch (error.code) {
    case 'TIMEOUT':
    case 'CONNECTION':
      return 'network';
    case 'BUSINESS':
      return error.details.reason === 'UPSTREAM' ? 'off' : 'refused';
    case 'PROTOCOL':
    case 'TOO_LARGE':
    case 'HTTP_STATUS':
      return 'not-understood';
    default:
      throw error;
  }
}

export const codeOf = ({ details }: ConnectorError): { code?: string } =>
  details.upstreamCode === undefined ? {} : { code: details.upstreamCode };
