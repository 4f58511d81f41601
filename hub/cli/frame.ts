import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { ConnectorFactory } from '../../connectors/sdk.js';
import type { Config } from '../config/types.js';
import { CliError, explain } from './errors.js';
import { EXIT, type ExitCode } from './exit-codes.js';
import type { Message } from './messages.js';
import { createOutput, type Output, type TextSink } from './output.js';

/*
 * The frame that all commands stand in. A command is one file with `register(program, frame)`, which calls
 * `addCommand` with a description; what it needs to run it imports inside `run`, so that `--help` stays fast.
 */

/** Everything that comes in from outside. */
export interface Frame {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly stdin: AsyncIterable<Uint8Array | string>;
  readonly stdout: TextSink;
  readonly stderr: TextSink;
  readonly now: () => number;
  readonly random: () => number;
  /** Aborted by SIGINT, SIGTERM and SIGHUP. */
  readonly signal: AbortSignal;
  readonly services: Services;
}

/** Parts of the hub that commands use and that tests replace. */
export interface Services {
  readonly connectors: () => Promise<readonly ConnectorFactory[]>;
  /** Absent: `decide` is not registered. */
  readonly openDecider?: (config: Config, options: { readonly signal: AbortSignal }) => Promise<Decider>;
}

/** Answers AuthZEN evaluation requests, from the log's view or from the running hub. */
export interface Decider {
  decide(request: unknown): Promise<unknown>;
  close(): Promise<void>;
}

/** Options that every command has. */
export interface CommonOptions {
  readonly config: string;
  readonly json?: boolean;
  readonly log?: string;
}

export interface Call<Options> {
  readonly frame: Frame;
  readonly out: Output;
  readonly options: Options & CommonOptions;
  /** Positional arguments in order; a variadic one is spread. */
  readonly args: readonly string[];
  /** Loads hub.yaml, or ends the command with every problem in it. */
  readonly config: () => Promise<Config>;
}

export interface CommandSpec<Options> {
  /** With arguments, as commander writes them: `check [source...]`. */
  readonly name: string;
  readonly summary: Message;
  /** At least one line that works, without the `$`. */
  readonly examples: readonly string[];
  /** More for `--help`: exit codes that are not the usual ones, forms of files. */
  readonly more?: string;
  readonly options?: (command: Command) => void;
  readonly run: (call: Call<Options>) => Promise<ExitCode>;
}

export function addCommand<Options extends object>(
  parent: Command,
  frame: Frame,
  spec: CommandSpec<Options>,
): Command {
  const command = parent
    .command(spec.name)
    .summary(`${spec.summary.en} ${spec.summary.zh}`)
    .description(`${spec.summary.en}\n${spec.summary.zh}`)
    .option('-c, --config <file>', 'configuration 配置文件', frame.env['CARDHUB_CONFIG'] ?? 'hub.yaml')
    .option('--log <engine>', 'embedded, or kafka://host:port[,host:port][/prefix] (overrides hub.yaml)')
    .option('--json', 'JSON on stdout, for scripts 输出 JSON');
  spec.options?.(command);
  command.addHelpText('after', helpAfter(spec));
  command.action(async () => {
    const options = command.opts<Options & CommonOptions>();
    const out = createOutput({ ...frame, json: options.json === true });
    const exit = await runCommand(spec, {
      frame,
      out,
      options,
      args: command.args,
      config: () => load(frame, options),
    });
    finished.set(root(command), exit);
  });
  return command;
}

/** Adds a command that only holds others: `quarantine list`, `connector check`. Reuses one of that name. */
export function addGroup(parent: Command, name: string, summary: Message): Command {
  const found = parent.commands.find((command) => command.name() === name);
  if (found !== undefined) return found;
  return parent
    .command(name)
    .summary(`${summary.en} ${summary.zh}`)
    .description(`${summary.en}\n${summary.zh}`);
}

/** Exit code of the command that ran in a program; kept here since commander's actions return nothing. */
const finished = new WeakMap<Command, ExitCode>();

export function exitCodeOf(program: Command): ExitCode {
  return finished.get(program) ?? EXIT.ok;
}

function root(command: Command): Command {
  return command.parent === null ? command : root(command.parent);
}

function helpAfter(spec: { examples: readonly string[]; more?: string }): string {
  const examples = spec.examples.map((example) => `  $ ${example}`).join('\n');
  const more = spec.more === undefined ? '' : `\n${spec.more}\n`;
  return `${more}\nExample 示例:\n${examples}\n`;
}

async function runCommand<Options extends object>(
  spec: CommandSpec<Options>,
  call: Call<Options>,
): Promise<ExitCode> {
  try {
    return await spec.run(call);
  } catch (error) {
    const interrupted = call.frame.signal.aborted && !(error instanceof CliError);
    const explained = explain(error, interrupted);
    call.out.error(explained, error instanceof CliError ? error.details.path : undefined);
    return explained.exit;
  }
}

async function load(frame: Frame, options: CommonOptions): Promise<Config> {
  const [{ loadConfig }, { readerProfileSchema }, { profileSchema }] = await Promise.all([
    import('../config/load.js'),
    import('../../transforms/reader-profiles.js'),
    import('../../transforms/index.js'),
  ]);
  const factories = await frame.services.connectors();
  const path = resolve(frame.cwd, options.config);
  const result = loadConfig(path, {
    env: frame.env,
    cwd: frame.cwd,
    specs: factories.map(({ spec }) => spec),
    readerProfileSchema,
    mappingSchema: (kind) => {
      const streams = factories.find(({ spec }) => spec.kind === kind)?.spec.streams;
      return streams === undefined ? undefined : profileSchema(streams.map(({ maps }) => maps));
    },
    ...(options.log === undefined ? {} : { log: options.log }),
  });
  if (result.ok) return result.config;
  const count = result.problems.length;
  const message = `${count} ${count === 1 ? 'problem' : 'problems'} in ${result.path}`;
  throw new CliError('CONFIG', message, { problems: result.problems, path: options.config });
}
