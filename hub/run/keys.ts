import { SHANGHAI_OFFSET_MS } from '../../transforms/time.js';
import type { Config } from '../config/types.js';
import { createPseudonym, dayKeys, pseudonymKeyFile, sealRaw, type DayKeys } from '../operate/secrets.js';
import type { SealedRaw } from '../sync/rows.js';

export interface Keys {
  readonly pseudonym: (text: string) => string;
  /**
   * Seals a refused row with the key of the day (Shanghai) on which it is refused, since the key's life is the
   * row's: by its own date, a row of an old file would be unreadable at once. So the sealed bytes are the one
   * part of a value that a redo after midnight writes otherwise (rule 3).
   */
  readonly seal: (raw: Uint8Array, id: string) => SealedRaw;
  readonly days: DayKeys;
}

/** Day of a time in Shanghai, `YYYY-MM-DD`. */
export function shanghaiDay(time: number): string {
  return new Date(time + SHANGHAI_OFFSET_MS).toISOString().slice(0, 10);
}

export function openKeys(config: Config, now: () => number): Keys {
  const key = config.secrets.pseudonymKey?.reveal() ?? pseudonymKeyFile(config.keys.dir);
  const days = dayKeys(config.keys.dir);
  return {
    pseudonym: createPseudonym(key),
    days,
    seal: (raw, id) => sealRaw(raw, { ceId: id, day: shanghaiDay(now()), keys: days }),
  };
}
