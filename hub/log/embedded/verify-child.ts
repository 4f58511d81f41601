/**
 * Reads a whole store, for the hub that is about to open it: `verify-child.js <folder> <full bytes max> <writer|reader>`. LMDB trusts
 * its own pages, so a page of zeros ends the process that meets it (SIGABRT, SIGSEGV); here that is only this one.
 * Ends with 0, or with 1 and the error of the log as JSON.
 */
import { ABORT } from 'lmdb';
import { LogError } from '../log.js';
import { META_KEY, asDamaged } from './layout.js';
import { openStore, type Store } from './store.js';
import { verifyStore } from './verify.js';

const [, , dir = '', bytesMax = '0', as = 'writer'] = process.argv;
try {
  const store = await openStore(dir, as === 'reader', Date.now);
  await verifyStore(store, Number(bytesMax));
  if (as === 'writer') tryToWrite(store);
  await store.db.close();
} catch (error) {
  const known = asDamaged(dir, error, as === 'reader' ? 'read' : 'wrote');
  if (!(known instanceof LogError)) throw error;
  process.stdout.write(JSON.stringify({ code: known.code, message: known.message, retry: known.retry }));
  process.exitCode = 1;
}

/** A transaction that is given up: taking a page from the list of free ones reads that list. */
function tryToWrite({ db }: Store): void {
  const meta = db.getBinary(META_KEY);
  if (meta === undefined) return;
  db.transactionSync(() => {
    void db.put(META_KEY, meta);
    return ABORT;
  });
}
