import { ConnectorError, type ConnectorErrorCode } from '../sdk.js';

/** What a code of the gateway or of its business layer means to us (domain.md 1.3b). Closed set. */
export type TsmReason =
  | 'NOT_FOUND'
  | 'CARD_LOST'
  | 'ALREADY_UNLOST'
  | 'CARD_FROZEN'
  | 'ALREADY_UNFROZEN'
  | 'FREEZE_NEEDS_RECONCILE'
  | 'CLOSED'
  | 'DORMANT'
  | 'EXPIRED'
  | 'LIMIT'
  | 'DUPLICATE'
  | 'WINDOW_CLOSED'
  | 'NOTHING_TO_CLAIM'
  | 'NOT_SIGNED'
  | 'UPSTREAM'
  | 'TXN_NOT_FOUND'
  | 'OUR_SIGNATURE_REFUSED'
  | 'TOKEN'
  | 'RATE'
  | 'CLOCK'
  | 'BUSY'
  | 'UNKNOWN';

interface Meaning {
  readonly reason: TsmReason;
  readonly code: ConnectorErrorCode;
  readonly retry: ConnectorError['retry'];
  readonly advice?: string;
}

const business = (reason: TsmReason, retry: ConnectorError['retry'] = 'never'): Meaning => ({
  reason,
  code: 'BUSINESS',
  retry,
});
const token: Meaning = { reason: 'TOKEN', code: 'AUTH', retry: 'now' };
const busy = business('BUSY', 'now');

/** Upstream code → meaning. `now` only where a read may be asked again at once. */
export const TSM_CODES: Readonly<Record<string, Meaning>> = {
  '60003': business('NOT_FOUND'),
  '60004': business('NOT_FOUND'),
  '60007': business('CARD_LOST'),
  '60008': business('ALREADY_UNLOST'),
  '60013': business('CARD_FROZEN'),
  '60012': business('ALREADY_UNFROZEN'),
  '60014': business('FREEZE_NEEDS_RECONCILE'),
  '60015': business('CLOSED'),
  '60018': business('DORMANT'),
  '60022': business('EXPIRED'),
  '60017': business('LIMIT'),
  '60031': business('LIMIT'),
  '60029': business('LIMIT'),
  '60009': business('DUPLICATE'),
  '60045': business('DUPLICATE'),
  '60025': business('WINDOW_CLOSED', 'later'),
  '60041': business('WINDOW_CLOSED', 'later'),
  '60034': business('NOTHING_TO_CLAIM'),
  '60035': business('NOT_SIGNED'),
  '60054': business('NOT_SIGNED'),
  '60072': business('NOT_SIGNED'),
  '60037': business('UPSTREAM', 'now'),
  '60046': business('UPSTREAM', 'now'),
  '60047': business('UPSTREAM', 'now'),
  '60071': business('UPSTREAM', 'now'),
  '60024': business('TXN_NOT_FOUND'),
  '60073': business('TXN_NOT_FOUND'),
  '40004': {
    reason: 'OUR_SIGNATURE_REFUSED',
    code: 'AUTH',
    retry: 'later',
    advice: 'check appKey, privateKey and tripleDesKey against what the card core has',
  },
  '40005': token,
  '40014': token,
  '40017': { reason: 'RATE', code: 'RATE_LIMITED', retry: 'now' },
  '40018': {
    reason: 'CLOCK',
    code: 'AUTH',
    retry: 'later',
    advice:
      'the clocks of hub and card core differ by more than the core allows (10 minutes); set them by NTP',
  },
  '-1': busy,
  '-3': busy,
  '-10': busy,
};

/** The error of an upstream code; unknown ones may be asked again later. */
export function tsmError(what: string, upstreamCode: string, text: string): ConnectorError {
  const meaning = TSM_CODES[upstreamCode] ?? business('UNKNOWN', 'later');
  const advice = meaning.advice === undefined ? '' : `; ${meaning.advice}`;
  const message = `${what}: ${upstreamCode} ${meaning.reason} (${text.slice(0, 80)})${advice}`;
  return new ConnectorError(meaning.code, message, meaning.retry, { upstreamCode, reason: meaning.reason });
}

/** Bare text instead of an answer, such as 系统繁忙: nothing happened, and a read may be asked again. */
export function bareTextError(what: string, text: string): ConnectorError {
  const isBusy = /繁忙|超时|异常/.test(text);
  const message = `${what}: bare text instead of an answer (${[...text].slice(0, 40).join('')})`;
  return new ConnectorError(isBusy ? 'BUSINESS' : 'PROTOCOL', message, 'now', {
    reason: isBusy ? 'BUSY' : 'UNKNOWN',
  });
}
