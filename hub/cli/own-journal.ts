import type { Config } from '../config/types.js';
import type { Log } from '../log/log.js';
import type { Journal } from '../run/journal.js';
import type { RecordCodec } from '../sync/rows.js';

export interface OwnJournal {
  readonly log: Log;
  readonly codec: RecordCodec;
  readonly journal: Journal;
}

/** Writes records of the hub's own where no hub runs on this data folder; its next start finds them. */
export async function withOwnJournal<T>(config: Config, use: (own: OwnJournal) => Promise<T>): Promise<T> {
  const [{ openLog }, { openJournal }, { openCodecs, recordCodec }, { replicaName }, { TOPICS }] =
    await Promise.all([
      import('../run/open-log.js'),
      import('../run/journal.js'),
      import('../run/codec.js'),
      import('../run/replica.js'),
      import('../../contracts/types.js'),
    ]);
  const log = await openLog(config);
  try {
    await log.applyTopics(TOPICS);
    const codec = recordCodec(openCodecs(), `/${config.tenant}/hub`, Date.now);
    const id = `${config.tenant}/hub/${replicaName(config.dataDir)}/0`;
    const journal = await openJournal(log, codec, id, Date.now);
    try {
      return await use({ log, codec, journal });
    } finally {
      await journal.close();
    }
  } finally {
    await log.close();
  }
}
