import { readerProfiles } from '../../transforms/reader-profiles.js';
import type { ReaderProfile } from '../../transforms/card-number.js';
import type { Config } from '../config/types.js';
import { compilePolicy } from '../decide/policy.js';
import { createFacade } from '../facade/app.js';
import { DecisionLog } from '../facade/decision-log.js';
import type { Log } from '../log/log.js';
import { followLog } from '../views/follow.js';
import { createHubView, VIEW_TOPICS } from '../views/view.js';
import { openCodecs } from './codec.js';
import { openKeys } from './keys.js';
import { openLog } from './open-log.js';
import { configuredPolicy } from './policy.js';

/** Answers AuthZEN evaluation requests from the log as it stands and goes on; nothing is logged. */
export interface LogDecider {
  decide(request: unknown): Promise<unknown>;
  close(): Promise<void>;
}

/** A log that an older version made lacks topics, and waiting for them here would never end. Throws LogError. */
async function assertTopics(log: Log): Promise<void> {
  try {
    for (const topic of VIEW_TOPICS) await log.bounds(topic);
  } catch (error) {
    await log.close();
    throw error;
  }
}

/** The request is none: the message says what was expected and what came. */
export class RequestRefused extends Error {
  override readonly name = 'RequestRefused';
}

export async function openDecider(config: Config, options: { signal: AbortSignal }): Promise<LogDecider> {
  const log = await openLog(config, { readOnly: true });
  await assertTopics(log);
  const codecs = openCodecs();
  const own = config.readers.profiles as unknown as Record<string, ReaderProfile>;
  const view = createHubView({
    tenant: config.tenant,
    profiles: readerProfiles(own).profiles,
    policy: compilePolicy(configuredPolicy(config.policy)),
    now: Date.now,
  });
  const follower = followLog({
    log,
    view,
    decoder: codecs.view,
    now: Date.now,
  });
  // The same door as everybody's, so that an answer here is the answer there; but nothing is recorded.
  const decisions = new DecisionLog({
    sink: { encode: () => null, append: async () => undefined },
    replica: 'cli',
    pseudonym: openKeys(config, Date.now).pseudonym,
    now: Date.now,
  });
  const app = createFacade({ view, follower, decisions, now: Date.now, alwaysReasons: true });
  const close = async (): Promise<void> => {
    await decisions.close();
    await follower.close();
    await log.close();
  };
  options.signal.addEventListener('abort', () => void follower.close(), { once: true });
  try {
    await follower.whenReady;
  } catch (error) {
    await close();
    throw error;
  }
  return {
    async decide(request) {
      const response = await app.request('/access/v1/evaluation', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(request),
      });
      // AuthZEN's errors are sentences.
      if (response.status !== 200) throw new RequestRefused(await response.text());
      return (await response.json()) as unknown;
    },
    close,
  };
}
