import { ConnectorError, type ConnectorErrorCode } from '../../connectors/sdk.js';
import type { ConfigProblem } from '../config/types.js';
import { LogError, type LogErrorCode } from '../log/log.js';
import { FacadeError } from '../facade/error.js';
import { Sip2Error } from '../sip2/error.js';
import { SinkError } from '../sink/error.js';
import { DevBrokerError } from '../operate/broker-error.js';
import { LocalSocketError, type LocalErrorCode } from '../operate/local-socket.js';
import { EXIT, type ExitCode } from './exit-codes.js';
import {
  BROKER_MESSAGES,
  CLI_MESSAGES,
  CONNECTOR_MESSAGES,
  LISTEN_MESSAGES,
  LOCAL_MESSAGES,
  LOG_MESSAGES,
  SINK_MESSAGES,
  type CliCode,
  type Message,
} from './messages.js';

/** What a command throws to end with a message and an exit code. */
export class CliError extends Error {
  override readonly name = 'CliError';
  constructor(
    readonly code: CliCode,
    /** What was expected, what came, what to do. */
    message: string,
    readonly details: {
      readonly exit?: ExitCode;
      readonly path?: string;
      readonly problems?: readonly ConfigProblem[];
    } = {},
  ) {
    super(message);
  }
}

/** An error as it is printed: `log.DAMAGED`, `connector.TIMEOUT`, `local.NOT_RUNNING`, `cli.USAGE`. */
export interface Explained {
  readonly code: string;
  readonly message: string;
  readonly meaning: Message;
  readonly exit: ExitCode;
  readonly problems?: readonly ConfigProblem[];
}

const LOG_EXIT: Readonly<Record<LogErrorCode, ExitCode>> = {
  FENCED: EXIT.store,
  DISK_FULL: EXIT.store,
  DAMAGED: EXIT.store,
  LOCKED: EXIT.store,
  VERSION: EXIT.store,
  TOO_LARGE: EXIT.store,
  UNKNOWN_TOPIC: EXIT.usage,
  UNAVAILABLE: EXIT.upstream,
  CLOSED: EXIT.bug,
  MISUSE: EXIT.bug,
};

export function explain(error: unknown, interrupted: boolean): Explained {
  if (interrupted) {
    return {
      code: 'cli.INTERRUPTED',
      message: 'interrupted',
      meaning: CLI_MESSAGES.INTERRUPTED,
      exit: EXIT.interrupted,
    };
  }
  if (error instanceof CliError) {
    const exit = error.details.exit ?? (error.code === 'BUG' ? EXIT.bug : EXIT.usage);
    const { problems } = error.details;
    const meaning = CLI_MESSAGES[error.code];
    return {
      code: `cli.${error.code}`,
      message: error.message,
      meaning,
      exit,
      ...(problems && { problems }),
    };
  }
  if (error instanceof LogError) {
    // A folder that cannot be made: only another one helps.
    const isOurs = error.code === 'UNAVAILABLE' && error.retry === 'never';
    const exit = isOurs ? EXIT.usage : LOG_EXIT[error.code];
    return { code: `log.${error.code}`, message: error.message, meaning: LOG_MESSAGES[error.code], exit };
  }
  if (error instanceof ConnectorError) {
    // A column that the file does not have, another encoding: repeating changes nothing.
    const isInput = error.code === 'CONFIG' || (error.code === 'FILE' && error.retry === 'never');
    const exit = isInput ? EXIT.usage : EXIT.upstream;
    const meaning = CONNECTOR_MESSAGES[error.code];
    return { code: `connector.${error.code}`, message: error.message, meaning, exit };
  }
  if (error instanceof SinkError) {
    const exit = error.code === 'CONFIG' || error.code === 'TABLE' ? EXIT.usage : EXIT.upstream;
    return { code: `sink.${error.code}`, message: error.message, meaning: SINK_MESSAGES[error.code], exit };
  }
  if (error instanceof FacadeError || error instanceof Sip2Error) {
    const of = error instanceof FacadeError ? 'facade' : 'sip2';
    const meaning = LISTEN_MESSAGES[error.code];
    return { code: `${of}.${error.code}`, message: error.message, meaning, exit: EXIT.usage };
  }
  if (error instanceof DevBrokerError) {
    const meaning = BROKER_MESSAGES[error.code];
    return { code: `broker.${error.code}`, message: error.message, meaning, exit: EXIT.upstream };
  }
  if (error instanceof LocalSocketError) return explainLocal(error.code, error.message);
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { code: 'cli.BUG', message, meaning: CLI_MESSAGES.BUG, exit: EXIT.bug };
}

/** An answer `{ok: false}` of the running hub: its code may be of the log, of a connector, or the socket's. */
export function explainLocal(code: string, message: string): Explained {
  if (Object.hasOwn(LOCAL_MESSAGES, code)) {
    const meaning = LOCAL_MESSAGES[code as LocalErrorCode];
    return { code: `local.${code}`, message, meaning, exit: code === 'INTERNAL' ? EXIT.bug : EXIT.upstream };
  }
  if (Object.hasOwn(LOG_MESSAGES, code)) {
    const known = code as LogErrorCode;
    return { code: `log.${code}`, message, meaning: LOG_MESSAGES[known], exit: LOG_EXIT[known] };
  }
  if (Object.hasOwn(CONNECTOR_MESSAGES, code)) {
    const meaning = CONNECTOR_MESSAGES[code as ConnectorErrorCode];
    const exit = code === 'CONFIG' ? EXIT.usage : EXIT.upstream;
    return { code: `connector.${code}`, message, meaning, exit };
  }
  return { code: `local.${code}`, message, meaning: LOCAL_MESSAGES.INTERNAL, exit: EXIT.no };
}
