import type { Connector, PushAnswer, Pushed } from '../../connectors/sdk.js';
import type { IntakeTaken } from '../facade/intake.js';
import type { RowBatch } from '../sync/rows.js';
import type { StreamRun } from '../sync/stream.js';
import type { Owner } from './owner.js';
import { partitionId } from './sources.js';

/**
 * What upstreams send by themselves (rule 11). A notice is a row of one of the connector's streams, and that stream's
 * owner is the only writer of its keys: the row is handed to it as a command, mapped and committed like a row that
 * was pulled, with books and position, and the upstream is answered after that.
 *
 *   body ─▶ connector.receive ─┬─ refused (signature, form) ─▶ its answer; nothing is kept
 *                              └─ rows ─▶ owner's command ─▶ committed ─▶ `done`, or `refused` when in quarantine
 *                                              └─ not owned here, failed, too slow, too many ─▶ `later`
 *
 * `later` says that the outcome is not known: the upstream sends again, and the same row changes nothing.
 */

/** A stream may be in the middle of a pull; a bank waits 30 s. */
const TAKE_MS_MAX = 20_000;
/** Notices waiting for one stream. */
const WAITING_MAX = 64;

export interface IntakeParts {
  readonly tenant: string;
  readonly sources: readonly { readonly config: { readonly name: string }; readonly connector: Connector }[];
}

/** What became of rows that were pushed. `later`: not known to be durable. */
export type Committed =
  { readonly outcome: 'later' } | { readonly outcome: 'done' | 'refused'; readonly batch: RowBatch };

export interface Intake {
  take(source: string, body: Uint8Array): Promise<IntakeTaken>;
  /** Rows that came by another way than a connector's own: the hub's facade. */
  push(source: string, pushed: Pick<Pushed, 'stream' | 'rows' | 'asOf'>): Promise<Committed>;
  /** Until then every notice is answered `later`. */
  attach(owner: Pick<Owner, 'command'>): void;
}

export function openIntake({ tenant, sources }: IntakeParts): Intake {
  let owner: Pick<Owner, 'command'> | null = null;
  const waiting = new Map<string, number>();

  const commit = async (id: string, pushed: Pick<Pushed, 'rows' | 'asOf'>): Promise<Committed> => {
    const count = waiting.get(id) ?? 0;
    if (owner === null || count >= WAITING_MAX) return { outcome: 'later' };
    waiting.set(id, count + 1);
    try {
      return await committed(owner, id, pushed);
    } finally {
      waiting.set(id, (waiting.get(id) ?? 1) - 1);
    }
  };

  return {
    attach(given) {
      owner = given;
    },
    push: (source, pushed) => commit(partitionId(tenant, `${source}/${pushed.stream}`), pushed),
    async take(source, body) {
      const found = sources.find(({ config }) => config.name === source);
      const receive = found?.connector.receive?.bind(found.connector);
      if (receive === undefined) return { kind: 'unknown' };
      const pushed = await receive(body);
      if (pushed.kind === 'refused') return { kind: 'answer', answer: pushed.answer };
      const { outcome } = await commit(partitionId(tenant, `${source}/${pushed.stream}`), pushed);
      const answer: PushAnswer = pushed.answer(outcome);
      return { kind: 'answer', answer };
    },
  };
}

async function committed(
  owner: Pick<Owner, 'command'>,
  id: string,
  pushed: Pick<Pushed, 'rows' | 'asOf'>,
): Promise<Committed> {
  return new Promise((resolve) => {
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      resolve({ outcome: 'later' });
    }, TAKE_MS_MAX);
    const settle = (committed: Committed): void => {
      clearTimeout(timer);
      resolve(committed);
    };
    const isOurs = owner.command(id, async (run: StreamRun) => {
      // Nobody waits for it any more: the upstream will send it again.
      if (isLate) return;
      try {
        const batch = await run.map(pushed.rows, '', pushed.asOf);
        const refused = Object.keys(batch.books.quarantined).length > 0;
        await run.commit(batch, 'CHANGES');
        settle({ outcome: refused ? 'refused' : 'done', batch });
      } catch (error) {
        settle({ outcome: 'later' });
        throw error;
      }
    });
    if (!isOurs) settle({ outcome: 'later' });
  });
}
