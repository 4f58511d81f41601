/** Why the desk does not listen. A file of its own: every command explains it, few start a desk. */
export class Sip2Error extends Error {
  override readonly name = 'Sip2Error';
  constructor(
    readonly code: 'NOT_ENCRYPTED' | 'PORT_IN_USE' | 'LISTEN_FAILED' | 'TLS_FILES',
    message: string,
    readonly retry: 'now' | 'later' | 'never',
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }
}
