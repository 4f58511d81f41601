import type { NoticeRequest } from '../control.js';
import type { Upstream } from '../serve.js';
import type { World } from '../world/world.js';
import { openBooks, type Books } from './books.js';
import { openBankKeys, type BankCredentials, type BankKeys } from './keys.js';
import { notify, type Notified } from './notify.js';
import { banks } from './server.js';

/** The simulated banks of a campus. */
export interface Banks {
  readonly upstream: Upstream;
  readonly credentials: BankCredentials;
  readonly keys: BankKeys;
  readonly books: Books;
  readonly notify: (request: NoticeRequest) => Promise<Notified>;
}

export function openBanks(dir: string, world: World): Banks {
  const keys = openBankKeys(dir, world.clock.now());
  const books = openBooks(dir, world);
  return {
    ...{ upstream: banks({ world, keys, books }), credentials: keys.credentials, keys, books },
    notify: (request) => notify({ world, keys, books }, request),
  };
}
