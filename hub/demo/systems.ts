import type { ConnectorNote } from '../../connectors/sdk.js';
import type { StreamTrouble } from '../run/health.js';
import type { Runtime } from '../run/runtime.js';
import type { StreamStatus } from '../run/status.js';

/** The systems of the campus as one sees them on the terminal: one line each, with what its streams say. */
export interface SystemState {
  /** Name of the source. */
  readonly source: string;
  readonly title: { readonly en: string; readonly zh: string };
  /** `held`: rows are missing upstream, and an operator is asked. */
  readonly state: 'ok' | 'degraded' | 'held' | 'reading';
  /** Records published since the beginning. */
  readonly records: number;
  /** Of the oldest stream, ms; null: nothing has been read. */
  readonly ageMs: number | null;
  readonly troubles: readonly { readonly stream: string; readonly trouble: StreamTrouble }[];
  /** So many are missing upstream, and stay until an operator has looked. */
  readonly held: readonly { readonly stream: string; readonly count: number }[];
  /** What a connector says of a stream that has nothing to read yet (a bank's hours). */
  readonly resting: string | null;
}

/** Remembers what connectors say of themselves: the last reason for which one of them left something out. */
export interface Remarks {
  note(source: string, note: ConnectorNote): void;
  of(source: string): string | null;
}

export function keepRemarks(): Remarks {
  const last = new Map<string, string>();
  return {
    note: (source, { kind, detail }) => {
      if (kind === 'skipped') last.set(source, detail);
    },
    of: (source) => last.get(source) ?? null,
  };
}

export function systemsOf(runtime: Runtime, remarks: Remarks): SystemState[] {
  const { streams } = runtime.status();
  const { sources, streams: planned } = runtime.hub;
  const nameOf = new Map(planned.map(({ deps, config }) => [deps.id, config]));
  return sources.map(({ config, connector }) => {
    const own = streams.filter(({ sourcePartition }) => nameOf.get(sourcePartition)?.source === config.name);
    const nameIn = (id: string): string => nameOf.get(id)?.name ?? id;
    const troubles = own.flatMap(({ sourcePartition, trouble }) =>
      trouble === null ? [] : [{ stream: nameIn(sourcePartition), trouble }],
    );
    const held = own.flatMap((one) =>
      one.held === null ? [] : [{ stream: nameIn(one.sourcePartition), count: one.held.count }],
    );
    const ages = own.filter(({ ageMs }) => ageMs >= 0).map(({ ageMs }) => ageMs);
    const rests = own.some(
      ({ asOf, caughtUpAt, trouble }) => asOf === 0 && caughtUpAt !== null && trouble === null,
    );
    return {
      source: config.name,
      title: connector.spec.title,
      state: stateOf(own),
      records: own.reduce((sum, { published }) => sum + published, 0),
      ageMs: ages.length === 0 ? null : Math.max(...ages),
      ...{ troubles, held },
      resting: rests ? remarks.of(config.name) : null,
    };
  });
}

function stateOf(streams: readonly StreamStatus[]): SystemState['state'] {
  if (streams.some(({ trouble }) => trouble !== null)) return 'degraded';
  if (streams.some(({ held }) => held !== null)) return 'held';
  return streams.every(({ owned, caughtUpAt }) => owned === false || caughtUpAt !== null) ? 'ok' : 'reading';
}
