import { ConnectorError, type ConnectorErrorCode } from '../sdk.js';

/**
 * Why a bank's message is refused, or what the bank refused us with. Closed set; it stands in
 * `ConnectorError.details.reason`, and whoever reads it needs no message text.
 */
export const BANK_REASONS = {
  XML_TOO_LARGE: 'TOO_LARGE',
  XML_TOO_DEEP: 'TOO_LARGE',
  XML_TOO_MANY: 'TOO_LARGE',
  /** A document type, an entity, a comment, CDATA or a processing instruction: SOAP needs none of them. */
  XML_FORBIDDEN: 'PROTOCOL',
  XML_MALFORMED: 'PROTOCOL',
  ENCODING: 'PROTOCOL',
  NOT_SOAP: 'PROTOCOL',
  /** A field that the WSDL promises is not there, or one came that it does not know. */
  FIELDS: 'PROTOCOL',
  /** The answer belongs to another request. */
  CORRELATION: 'PROTOCOL',
  /** The description that the bank serves is not the one that this connector was written for. */
  WSDL_CHANGED: 'PROTOCOL',
  SIGNATURE_MISSING: 'SIGNATURE',
  /** What is signed is not what stands in the envelope's Body. */
  SIGNATURE_WRAPPED: 'SIGNATURE',
  SIGNATURE_WRONG: 'SIGNATURE',
  DIGEST_WRONG: 'SIGNATURE',
  ALGORITHM: 'SIGNATURE',
  CERTIFICATE_UNKNOWN: 'SIGNATURE',
  CERTIFICATE_EXPIRED: 'SIGNATURE',
  CERTIFICATE_NOT_YET: 'SIGNATURE',
  /** The signed time of the message is too far from ours. */
  STALE: 'SIGNATURE',
  FAULT: 'BUSINESS',
  /** 不在服务时间 */
  WINDOW_CLOSED: 'BUSINESS',
  NOT_SIGNED: 'BUSINESS',
  NO_SUCH_ACCOUNT: 'BUSINESS',
  NO_SUCH_REFERENCE: 'BUSINESS',
  BUSY: 'BUSINESS',
  BANK_SYSTEM: 'BUSINESS',
  /** The bank says that our signature is wrong. */
  BANK_REFUSES_SIGNATURE: 'AUTH',
  BANK_TIMEOUT: 'BUSINESS',
  NOT_SUPPORTED: 'BUSINESS',
  CODE_UNKNOWN: 'BUSINESS',
} as const satisfies Readonly<Record<string, ConnectorErrorCode>>;

export type BankReason = keyof typeof BANK_REASONS;

/** Refusal with a closed reason. `now`: the same call may do better at once. */
export function bankError(
  reason: BankReason,
  message: string,
  retry: 'now' | 'later' | 'never',
  details: { upstreamCode?: string; retryAfterMs?: number; cause?: unknown } = {},
): ConnectorError {
  return new ConnectorError(BANK_REASONS[reason], message, retry, { ...details, reason });
}
