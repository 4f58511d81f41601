import type { Config } from '../config/types.js';
import type { PolicySwitch } from '../run/policy.js';
import { CliError } from './errors.js';

export interface Switched {
  readonly version: string;
  readonly from: string | null;
}

/** Switches through the hub that runs here, or else on the log itself; the next start finds it in force. */
export async function writeSwitch(config: Config, asked: PolicySwitch): Promise<Switched> {
  const { askLocal } = await import('../operate/local-socket.js');
  const answer = await askLocal(config.dataDir, 'policy', asked);
  if (answer.ok) return answer.result as Switched;
  if (answer.code !== 'NOT_RUNNING') throw new CliError('INPUT', answer.message);
  const [{ openLog }, { openJournal }, { openCodecs, recordCodec }, { replicaName }, policy, { TOPICS }] =
    await Promise.all([
      import('../run/open-log.js'),
      import('../run/journal.js'),
      import('../run/codec.js'),
      import('../run/replica.js'),
      import('../run/policy.js'),
      import('../../contracts/types.js'),
    ]);
  const log = await openLog(config);
  try {
    await log.applyTopics(TOPICS);
    const codec = recordCodec(openCodecs(), `/${config.tenant}/hub`, Date.now);
    const { record, version, from } = await policy.switchRecord(log, codec, asked, Date.now());
    const id = `${config.tenant}/hub/${replicaName(config.dataDir)}/0`;
    const journal = await openJournal(log, codec, id, Date.now);
    await journal.append([record]);
    await journal.close();
    return { version, from };
  } catch (error) {
    if (error instanceof policy.PolicySwitchError) throw new CliError('INPUT', error.message);
    throw error;
  } finally {
    await log.close();
  }
}
