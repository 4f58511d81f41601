/** What the facade refused, or that it gave no answer. */
export class CardhubError extends Error {
  override readonly name = 'CardhubError';
  constructor(
    /** HTTP status; 0: no answer came. */
    readonly status: number,
    /** The closed code of the problem document; of AuthZEN's plain errors `HTTP_` and the status. */
    readonly code: string,
    message: string,
    /** How long the hub asks to wait. */
    readonly retryAfterMs: number | undefined,
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }
}

export function errorOf(status: number, value: unknown, retryAfterMs: number | undefined): CardhubError {
  if (typeof value === 'object' && value !== null) {
    const { code, detail, title } = value as Readonly<Record<string, unknown>>;
    if (typeof code === 'string') {
      return new CardhubError(status, code, `${String(title)}: ${String(detail)}`, retryAfterMs);
    }
  }
  return new CardhubError(status, `HTTP_${status}`, typeof value === 'string' ? value : '', retryAfterMs);
}

/** Seconds, as the facade gives them. */
export function waitMsOf(header: string | null): number | undefined {
  return header !== null && /^\d{1,6}$/.test(header) ? Number(header) * 1_000 : undefined;
}

/** The hub said to come again, or nothing. Asking twice does no harm: decisions change nothing, writes have their key. */
export function isWorthAsking({ status }: CardhubError): boolean {
  return status === 0 || status === 429 || status === 503;
}
