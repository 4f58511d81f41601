import type { ControllerList } from '../../contracts/types.js';
import type { ReaderProfile } from '../../transforms/card-number.js';
import { readerProfiles } from '../../transforms/reader-profiles.js';
import { openStateWriter, type StateWriter } from '../desk/state-writer.js';
import { ControllerDesk } from '../doors/desk.js';
import { AllowLists, type Marks } from '../doors/lists.js';
import { openSigner } from '../doors/signing.js';
import { LogError } from '../log/log.js';
import { pause } from '../pause.js';
import type { Candidates } from '../search/search.js';
import type { HubView } from '../views/view.js';
import type { HubParts } from './hub.js';
import type { OwnedTask } from './owner.js';

/** The lists of controllers in the running hub: one hub at a time keeps them, and only it serves them. */
export interface ControllersTask extends OwnedTask {
  readonly desk: ControllerDesk;
}

export interface ControllersOptions {
  readonly view: HubView;
  readonly candidates: Candidates;
  readonly marks: Marks;
  /** Settles once the view has caught up: before it, a list would be one of nobody. */
  readonly ready: () => Promise<unknown>;
  readonly onProblem: (what: string, error: unknown) => void;
}

const TOPIC = 'hub.controller-list';
const PAUSE_MS = 1_000;

/** Null: hub.yaml names no controller. */
export async function controllersTask(
  { config, log, codec, keys, now }: HubParts,
  { view, candidates, marks, ready, onProblem }: ControllersOptions,
): Promise<ControllersTask | null> {
  const { controllers, tenant } = config;
  if (controllers.length === 0) return null;
  const id = `${tenant}/hub/controllers/0`;
  let writer: StateWriter | null = null;
  let broken = new AbortController();
  const write = async (records: readonly ControllerList[], asOf: number): Promise<void> => {
    if (writer === null)
      throw new LogError('UNAVAILABLE', 'another hub keeps the lists of controllers', 'later');
    try {
      await writer.append(
        records.map((value) => ({ key: value.listKey, value, time: asOf })),
        asOf,
      );
    } catch (error) {
      broken.abort(error); // the writer is dead: all is read again
      throw error;
    }
  };
  const own = config.readers.profiles as unknown as Record<string, ReaderProfile>;
  const { profiles } = readerProfiles(own);
  const { pseudonym } = keys;
  const lists = new AllowLists(
    { controllers, view, candidates, profiles, pseudonym, now, write, onProblem },
    marks,
  );
  const signer = await openSigner(config.keys.dir, now);
  const desk = new ControllerDesk({ tenant, lists, view, signer, now, write });

  const keep = async (signal: AbortSignal): Promise<void> => {
    const opened = await openStateWriter(log, codec, id, TOPIC);
    try {
      lists.load(opened.values() as Iterable<ControllerList>);
      writer = opened;
      broken = new AbortController();
      await lists.run(AbortSignal.any([signal, broken.signal]));
      if (!signal.aborted) throw broken.signal.reason;
    } finally {
      writer = null;
      await opened.close().catch(() => undefined);
    }
  };
  return {
    id,
    desk,
    async run(signal) {
      await ready();
      while (!signal.aborted) {
        try {
          await keep(signal);
        } catch (error) {
          if (signal.aborted) return;
          if (error instanceof LogError && (error.code === 'FENCED' || error.retry === 'never')) throw error;
          // What it had in memory may be unwritten: all is read again.
          onProblem('controllers', error);
          await pause(PAUSE_MS, signal);
        }
      }
    },
  };
}
