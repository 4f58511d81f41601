/** Why the facade does not listen. A file of its own: every command explains it, few start a facade. */
export class FacadeError extends Error {
  override readonly name = 'FacadeError';
  constructor(
    readonly code: 'NOT_LOOPBACK' | 'NOT_ENCRYPTED' | 'PORT_IN_USE' | 'LISTEN_FAILED' | 'TLS_FILES',
    message: string,
    readonly retry: 'now' | 'later' | 'never',
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }
}
