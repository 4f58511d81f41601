import type { Config } from '../config/types.js';
import type { Log } from '../log/log.js';
import type { RecordCodec } from '../sync/rows.js';

/** The log opened for reading beside a running hub, with the codec of its records. */
export interface LogReader {
  readonly log: Log;
  readonly codec: RecordCodec;
}

export async function withReader<T>(config: Config, use: (reader: LogReader) => Promise<T>): Promise<T> {
  const [{ openLog }, { openCodecs, recordCodec }] = await Promise.all([
    import('../run/open-log.js'),
    import('../run/codec.js'),
  ]);
  const log = await openLog(config, { readOnly: true });
  try {
    return await use({ log, codec: recordCodec(openCodecs(), `/${config.tenant}/hub`, Date.now) });
  } finally {
    await log.close();
  }
}
