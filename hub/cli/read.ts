import type { Command } from 'commander';
import { TOPICS } from '../../contracts/types.js';
import type { StoredRecord } from '../log/log.js';
import type { RecordCodec } from '../sync/rows.js';
import { CliError } from './errors.js';
import { EXIT, type ExitCode } from './exit-codes.js';
import { addCommand, type Call, type Frame } from './frame.js';
import { withReader } from './open-reader.js';

interface Options {
  readonly follow?: boolean;
  readonly key?: string;
  readonly limit?: string;
  readonly reveal?: boolean;
}

/** `cardhub read TOPIC`: decoded records as JSON lines. */
export function register(program: Command, frame: Frame): void {
  addCommand<Options>(program, frame, {
    name: 'read <topic>',
    summary: { en: 'Print a topic, one decoded record a line.', zh: '逐行打印主题中的记录。' },
    examples: ['cardhub read master.card --limit 3', 'cardhub read master.door-event --follow'],
    more: 'Credential numbers and names are masked unless --reveal is given. 默认遮蔽卡号与姓名。',
    options: (command) =>
      command
        .option('-f, --follow', 'go on with what is appended, until Ctrl-C')
        .option('-k, --key <key>', 'only records of this key')
        .option('-n, --limit <count>', 'at most so many records')
        .option('--reveal', 'show credential numbers and names in full'),
    run: read,
  });
}

async function read({ frame, out, options, args, config }: Call<Options>): Promise<ExitCode> {
  const topic = args[0] ?? '';
  if (!TOPICS.some(({ name }) => name === topic)) {
    throw new CliError(
      'USAGE',
      `no topic is called ${topic}; there are ${TOPICS.map(({ name }) => name).join(', ')}`,
    );
  }
  const limit = options.limit === undefined ? Infinity : Number(options.limit);
  if (!(limit > 0)) throw new CliError('USAGE', `--limit: expected a number above 0, got ${options.limit}`);
  const until = options.follow === true ? 'follow' : 'end';
  await withReader(await config(), async ({ log, codec }) => {
    let printed = 0;
    for await (const batch of log.read({ topic, until, signal: frame.signal })) {
      for (const record of batch.records) {
        if (options.key !== undefined && record.key !== options.key) continue;
        out.jsonLine(shown(record, codec, options.reveal === true));
        if (++printed >= limit) return;
      }
    }
  });
  return EXIT.ok;
}

function shown(record: StoredRecord, codec: RecordCodec, reveal: boolean): object {
  const { topic, partition, offset, key, headers } = record;
  const value = record.value === null ? null : codec.decode(topic, record.value);
  return {
    topic,
    partition,
    offset,
    key,
    id: headers.ce_id,
    time: headers.ce_time,
    value: reveal ? value : masked(value),
  };
}

/** Fields classed restricted or naming a person; a terminal is read over shoulders. */
function masked(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (field, item: unknown) => {
      if (field === 'credentials' && Array.isArray(item)) {
        return item.map(({ scheme, value: number }: { scheme: string; value: string }) => ({
          scheme,
          value: `****${number.slice(-4)}`,
        }));
      }
      if (field === 'name' && typeof item === 'string' && isPerson(value)) return `${[...item][0] ?? ''}**`;
      if (field === 'raw' && typeof item === 'object' && item !== null && 'nonce' in item)
        return '(encrypted)';
      return item;
    }),
  ) as unknown;
}

function isPerson(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'personKey' in value;
}
