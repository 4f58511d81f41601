import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { packagePath } from '../../package-root.js';
import { LogError, type LogErrorCode } from '../log.js';
import { damaged } from './layout.js';

/** A store of 512 MiB takes seconds; a disk that takes longer than this is in trouble. */
const TIMEOUT_MS = 120_000;

export interface VerifyOptions {
  /** Larger stores are counted, and read at the end of each partition only. */
  readonly fullBytesMax: number;
  /** `read`: nothing is tried that only a writer does. */
  readonly as: 'writer' | 'reader';
  readonly timeoutMs?: number;
}
const ANSWER_BYTES_MAX = 65_536;

/**
 * Verifies a store in a process of its own (see `verify-child.ts`), so that a damage that ends a process does not end
 * the hub. Rejects with `DAMAGED` and whatever else the store is refused with.
 * @returns false when no such process could be started: then the caller verifies by itself
 */
export async function verifyApart(dir: string, options: VerifyOptions): Promise<boolean> {
  const { fullBytesMax, as, timeoutMs = TIMEOUT_MS } = options;
  const program = packagePath('dist', 'hub', 'log', 'embedded', 'verify-child.js');
  if (!existsSync(program)) return false;
  const child = spawn(process.execPath, [program, dir, String(fullBytesMax), as], {
    stdio: ['ignore', 'pipe', 'ignore'],
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
  });
  let answer = '';
  child.stdout.setEncoding('utf8').on('data', (part: string) => {
    if (answer.length < ANSWER_BYTES_MAX) answer += part;
  });
  let end: [code: number | null, signal: string | null];
  try {
    end = (await once(child, 'close')) as typeof end;
  } catch {
    return false;
  }
  const [code, signal] = end;
  if (code === 0) return true;
  const told = errorOf(answer);
  if (told !== null) throw told;
  if (signal === 'SIGKILL') {
    const message = `${dir} could not be verified within ${timeoutMs / 1000} s; look after the disk, then start again`;
    throw new LogError('UNAVAILABLE', message, 'later');
  }
  if (signal === null) return false;
  throw damaged(`${dir} cannot be read: reading it all ended a process with ${signal}`);
}

function errorOf(answer: string): LogError | null {
  try {
    const { code, message, retry } = JSON.parse(answer) as {
      code: LogErrorCode;
      message: string;
      retry: LogError['retry'];
    };
    return new LogError(code, message, retry);
  } catch {
    return null;
  }
}
