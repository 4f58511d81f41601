import type { DecisionReason } from '../decide/reasons.js';
import type { HubView } from '../views/view.js';
import type { DecisionLog } from './decision-log.js';

/** What the handlers share. */
export interface FacadeParts {
  readonly view: HubView;
  /** Undefined: the hub's own. */
  readonly tenant?: string;
  readonly decisions: DecisionLog;
  readonly now: () => number;
  /** The view has caught up: before it, nothing is known, so nothing is decided. */
  readonly ready: () => boolean;
  /** Setting of the client: every answer carries its reason. */
  readonly alwaysReasons: boolean;
  readonly counters: {
    readonly decided: (reason: DecisionReason) => void;
    readonly audit: () => void;
  };
}
