import { userInfo } from 'node:os';
import type { CommandKind, CommandRequest } from '../desk/commands.js';
import type { Config } from '../config/types.js';
import { CliError } from './errors.js';
import { withOwnJournal } from './own-journal.js';

/**
 * Gives a command to the hub (rule 14): over the local socket when one runs on this data folder, else as a
 * record on the log, which its owner executes at its next start.
 */
export async function giveCommand(
  config: Config,
  kind: CommandKind,
  sourcePartition: string,
  args: Readonly<Record<string, unknown>>,
): Promise<'given' | 'waiting'> {
  const request: CommandRequest = { kind, sourcePartition, arguments: args, issuedBy: userInfo().username };
  const { askHub } = await import('./ask-hub.js');
  const answer = await askHub(config, 'command', request);
  if (answer.ok) return 'given';
  if (answer.code !== 'NOT_RUNNING') throw new CliError('USAGE', answer.message);
  await writeCommand(config, request);
  return 'waiting';
}

async function writeCommand(config: Config, request: CommandRequest): Promise<void> {
  const { commandRecord } = await import('../desk/commands.js');
  await withOwnJournal(config, ({ codec, journal }) =>
    journal.append([commandRecord(request, codec, Date.now())]),
  );
}

/** Source partition of `source/stream`, or of a source that has one stream. */
export async function findPartition(config: Config, name: string): Promise<string> {
  const { partitionId } = await import('../run/sources.js');
  const streams = config.sources.flatMap((source) =>
    source.streams.filter(({ enabled }) => enabled).map((stream) => `${source.name}/${stream.name}`),
  );
  const fits = streams.filter((stream) => stream === name || stream.startsWith(`${name}/`));
  if (fits.length === 1) return partitionId(config.tenant, fits[0] as string);
  const which = fits.length === 0 ? 'no stream is called' : 'several streams fit';
  throw new CliError('USAGE', `${which} ${name}; expected one of ${streams.join(', ')}`);
}

/** What to tell after a command was given. */
export function toldOwner(outcome: 'given' | 'waiting'): string {
  return outcome === 'given'
    ? 'The hub has the command. 命令已交给 hub。'
    : 'No hub runs here: it is carried out at the next run or sync. hub 未运行，将在下次运行或同步时执行。';
}
