/** Children of the benchmarks: a side of a comparison runs in a process of its own, so that neither pays for the other's heap. */
import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Runs `bench/children/{name}.js` with one JSON argument; resolves with the one message that it sends. */
export async function runChild<T>(name: string, argument: object): Promise<T> {
  const child = start(name, argument, []);
  return new Promise<T>((resolve, reject) => {
    let answer: T | undefined;
    child.once('message', (message) => (answer = message as T));
    child.once('error', reject);
    child.once('exit', (code) => {
      if (code === 0 && answer !== undefined) resolve(answer);
      else reject(new Error(`bench child ${name} ended with ${code ?? 'a signal'}`));
    });
  });
}

export interface Serving {
  /** What the child said when it was ready. */
  readonly ready: Readonly<Record<string, unknown>>;
  ask<T>(message: object): Promise<T>;
  stop(): Promise<void>;
}

/** Starts a child that stays; it says `ready` once, answers each message with one, and ends on `disconnect`. */
export async function serveChild(
  name: string,
  argument: object,
  execArgv: readonly string[] = [],
): Promise<Serving> {
  const child = start(name, argument, execArgv);
  const next = <T>(): Promise<T> =>
    new Promise<T>((resolve, reject) => {
      const onMessage = (message: unknown): void => {
        child.off('exit', onExit);
        resolve(message as T);
      };
      const onExit = (code: number | null): void => {
        child.off('message', onMessage);
        reject(new Error(`bench child ${name} ended with ${code ?? 'a signal'}`));
      };
      child.once('message', onMessage);
      child.once('exit', onExit);
    });
  const ready = await next<Record<string, unknown>>();
  let last: Promise<unknown> = Promise.resolve();
  return {
    ready,
    /** One question at a time: answers carry no number. */
    ask<T>(message: object) {
      const answer = last.then(() => {
        const answered = next<T>();
        child.send(message);
        return answered;
      });
      last = answer.catch(() => undefined);
      return answer;
    },
    stop: () =>
      new Promise((resolve) => {
        child.once('exit', () => resolve());
        child.disconnect();
      }),
  };
}

function start(name: string, argument: object, execArgv: readonly string[]): ChildProcess {
  const file = fileURLToPath(new URL(`./children/${name}.js`, import.meta.url));
  return fork(file, [JSON.stringify(argument)], {
    execArgv: [...(process.env['BENCH_EXEC_ARGV']?.split(' ').filter(Boolean) ?? []), ...execArgv],
  });
}
