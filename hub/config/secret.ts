import { inspect } from 'node:util';
import type { Secret } from './types.js';

const SHOWN = '[secret]';

/** Wraps a value so that printing it, in any of the usual ways, shows `[secret]`. */
export function secret(value: string): Secret {
  const wrapped = {
    reveal: () => value,
    toString: () => SHOWN,
    toJSON: () => SHOWN,
    [inspect.custom]: () => SHOWN,
  };
  return wrapped;
}
