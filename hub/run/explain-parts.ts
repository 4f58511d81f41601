import type { Config } from '../config/types.js';
import type { ExplainParts } from '../facade/explain.js';
import type { Codecs } from '../log/envelope.js';
import type { Log } from '../log/log.js';
import type { Keys } from './keys.js';

/** What explaining a decision needs of a hub that is open, for reading or for more. */
export function explainParts(hub: {
  readonly log: Log;
  readonly codecs: Codecs;
  readonly config: Config;
  readonly keys: Pick<Keys, 'pseudonym'>;
}): ExplainParts {
  const { log, codecs, config, keys } = hub;
  return {
    log,
    decodeDecision: (bytes) => codecs.codecFor('hub.decision').decode(bytes),
    decodePolicy: (bytes) => codecs.codecFor('hub.policy').decode(bytes),
    tenant: config.tenant,
    pseudonym: keys.pseudonym,
  };
}
