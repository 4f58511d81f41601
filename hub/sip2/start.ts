/** The library desk of a running hub: the server, its logins, its metrics, and an eye on who tries numbers out. */
import type { Sip2Config } from '../config/types.js';
import { DECISION_REASONS } from '../decide/reasons.js';
import type { DecisionReason } from '../decide/reasons.js';
import type { DecisionLog } from '../facade/decision-log.js';
import type { Metrics } from '../operate/metrics.js';
import type { HubView } from '../views/view.js';
import { decidesOnly } from './library-desk.js';
import type { LibraryDesk } from './library-desk.js';
import { createLogins } from './logins.js';
import { startSip2 } from './server.js';
import type { Sip2Server } from './server.js';

/** More unknown readers than this in a minute from one desk are no misreadings. */
const UNKNOWN_READERS_MAX = 30;
const WINDOW_MS = 60_000;

export interface LibraryDeskOptions {
  readonly view: HubView;
  readonly decisions: DecisionLog;
  readonly metrics: Metrics;
  readonly now: () => number;
  readonly ready: () => boolean;
  /** A port that is taken is no error: any free one then. */
  readonly elseAnyPort?: boolean;
  /** Absent: the hub decides, and no library lends through it. */
  readonly library?: LibraryDesk;
  readonly onProblem?: (what: string, error: unknown) => void;
}

/** @throws Sip2Error when it cannot listen */
export async function startLibraryDesk(config: Sip2Config, options: LibraryDeskOptions): Promise<Sip2Server> {
  const { metrics, now, view, decisions, ready } = options;
  const messages = metrics.counter('cardhub_sip2_messages_total', 'Lines that desks sent.').bound({});
  const cuts = metrics.counter(
    'cardhub_sip2_cut_total',
    'Connections of desks that the hub ended, by reason.',
  );
  const decided = metrics.counter('cardhub_sip2_decisions_total', 'Decisions for desks, by reason.');
  const byReason = new Map<DecisionReason, () => void>(
    DECISION_REASONS.map((reason) => [reason, decided.bound({ reason })]),
  );
  const unknown = metrics.counter(
    'cardhub_sip2_unknown_readers_total',
    'Readers asked about that nobody is.',
  );
  const watch = enumerationWatch(now, (login) =>
    options.onProblem?.(
      'sip2 unknown readers',
      new Error(
        `the desk ${login} asked about more than ${UNKNOWN_READERS_MAX} unknown readers within a minute`,
      ),
    ),
  );
  const server = await startSip2({
    config,
    elseAnyPort: options.elseAnyPort ?? false,
    session: {
      ...{ view, decisions, now, ready },
      library: options.library ?? decidesOnly,
      encoding: config.encoding,
      logIn: createLogins(config),
      counters: {
        decided: (reason) => byReason.get(reason)?.(),
        unknownReader: (login) => {
          unknown.inc({ login });
          watch(login);
        },
      },
    },
    onCut: (reason) => cuts.inc({ reason }),
    onMessage: messages,
    ...(options.onProblem === undefined ? {} : { onProblem: options.onProblem }),
  });
  metrics.gauge('cardhub_sip2_connections', 'Desks connected.', server.connections);
  return server;
}

/** Calls `alarm` once a minute for a login with too many unknown readers. Logins are those of hub.yaml: bounded. */
function enumerationWatch(now: () => number, alarm: (login: string) => void): (login: string) => void {
  const windows = new Map<string, { since: number; count: number }>();
  return (login) => {
    const at = now();
    let window = windows.get(login);
    if (window === undefined || at - window.since >= WINDOW_MS)
      windows.set(login, (window = { since: at, count: 0 }));
    if (++window.count === UNKNOWN_READERS_MAX + 1) alarm(login);
  };
}
