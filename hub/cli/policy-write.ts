import { userInfo } from 'node:os';
import type { Config } from '../config/types.js';
import type { PolicySwitch } from '../run/policy.js';
import { CliError } from './errors.js';
import { withOwnJournal } from './own-journal.js';

export interface Switched {
  readonly version: string;
  readonly from: string | null;
  /** False: it was in force already. */
  readonly written: boolean;
}

/** Switches through the hub that runs here, or else on the log itself; the next start finds it in force. */
export async function writeSwitch(config: Config, asked: PolicySwitch): Promise<Switched> {
  const { askHub } = await import('./ask-hub.js');
  const answer = await askHub(config, 'policy', { ...asked, by: userInfo().username });
  if (answer.ok) return answer.result as Switched;
  if (answer.code !== 'NOT_RUNNING') throw new CliError('INPUT', answer.message);
  const { PolicySwitchError, switchRecord } = await import('../run/policy.js');
  return withOwnJournal(config, async ({ log, codec, journal }) => {
    try {
      const { record, version, from } = await switchRecord(log, codec, asked, Date.now());
      if (record !== null) await journal.append([record]);
      return { version, from, written: record !== null };
    } catch (error) {
      if (error instanceof PolicySwitchError) throw new CliError('INPUT', error.message);
      throw error;
    }
  });
}
