/** What keeps the development broker from running. */
export class DevBrokerError extends Error {
  override readonly name = 'DevBrokerError';
  constructor(
    /** IN_USE: a broker of somebody else runs on the folder. NOT_STARTED: it ended, or did not answer in time. */
    readonly code: 'IN_USE' | 'NOT_STARTED',
    /** What was expected, what came, what to do. */
    message: string,
    readonly retry: 'later' | 'never' = 'later',
  ) {
    super(message);
  }
}
