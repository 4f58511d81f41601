export type Turns = <T>(work: () => Promise<T>) => Promise<T>;

/** Each piece of work begins when the one given before it has ended, whether well or not. */
export function turns(): Turns {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const done = last.then(work);
    last = done.catch(() => undefined);
    return done;
  };
}
