import { ConnectorError, type KnowsLoads, type LoadTold } from '../sdk.js';
import { bankTime } from './agreements.js';
import type { BankClient, Fields } from './client.js';
import { bankError } from './errors.js';
import { textOf } from './message.js';
import type { BankProfile } from './profiles.js';
import { closedUntil, type ServiceWindow } from './window.js';

/** QueryLoad 圈存查询: what became of a load, by the card system's order number. */
export function knowsLoads(
  client: BankClient,
  profile: BankProfile,
  window: ServiceWindow,
  now: () => number,
): KnowsLoads {
  return {
    closedUntil: (at) => closedUntil(at, window),
    async load(reference, signal) {
      try {
        return told(await client.call('QueryLoad', { loadReference: reference }, signal), profile);
      } catch (error) {
        const isUnknown =
          error instanceof ConnectorError && error.details.reason === 'NO_SUCH_REFERENCE' && !signal.aborted;
        if (!isUnknown) throw error;
        // A refusal: its time is not passed on.
        return { says: 'NO_SUCH_LOAD', fen: null, at: now() };
      }
    },
  };
}

const SAYS = { done: 'DONE', failed: 'FAILED', undecided: 'UNDECIDED', reversed: 'REVERSED' } as const;

function told(answer: Fields, profile: BankProfile): LoadTold {
  const state = profile.loadStates[textOf(answer.loadState)];
  const says = state === undefined ? 'UNKNOWN' : SAYS[state];
  return { says, fen: fenOf(textOf(answer.amount), profile), at: bankTime(answer) };
}

function fenOf(text: string, { moneyUnit }: BankProfile): number | null {
  if (text === '') return null;
  const form = moneyUnit === 'fen' ? /^\d{1,12}$/ : /^\d{1,10}\.\d\d$/;
  if (form.test(text)) return Number(text.replace('.', ''));
  throw bankError('FIELDS', `QueryLoad: expected an amount in ${moneyUnit}, came another form`, 'later');
}
