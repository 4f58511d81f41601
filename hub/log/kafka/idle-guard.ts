/**
 * kafkajs 2.2.4 checks the queue of a connection for requests held back by throttling. After each answer it
 * arms a timer for the next check even when nothing is held back, with a delay that is negative, so that it
 * fires after about a millisecond and arms itself again: four idle producers make 3,380 checks a second, 6.9 %
 * of a core. The guard arms the timer only while something is pending. When a request is queued later, `push`
 * arms it itself. `internals.test.ts` fails when kafkajs no longer needs this: delete the file then.
 */
import { requestQueuePrototype, type RequestQueue } from './internals.js';

const GUARD = Symbol.for('cardhub.kafkajs.idle-guard');

type Guarded = RequestQueue & { [GUARD]?: () => void };

/** Idempotent; one process has one kafkajs. Returns a function that takes the guard away again (for its test). */
export function installIdleGuard(prototype: Guarded = requestQueuePrototype): () => void {
  // eslint-disable-next-line @typescript-eslint/unbound-method -- a prototype's method, called with its `this` below
  const original = prototype[GUARD] ?? prototype.scheduleCheckPendingRequests;
  const remove = () => {
    prototype.scheduleCheckPendingRequests = original;
    delete prototype[GUARD];
  };
  if (prototype[GUARD]) return remove;
  prototype[GUARD] = original;
  prototype.scheduleCheckPendingRequests = function (this: RequestQueue) {
    if (this.pending.length > 0) original.call(this);
  };
  return remove;
}
