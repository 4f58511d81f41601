export type SinkErrorCode =
  | 'CONFIG' // the configuration, or a grant that is missing
  | 'AUTH'
  | 'CONNECTION'
  | 'TIMEOUT'
  | 'TABLE' // a table is there that the hub did not make, or that was changed
  | 'FENCED' // another sink writes the same tables
  | 'DATABASE'; // the database refused a statement

export class SinkError extends Error {
  override readonly name = 'SinkError';
  constructor(
    readonly code: SinkErrorCode,
    /** What was expected, what came, what to do. Never a value of a row. */
    message: string,
    readonly retry: 'later' | 'never',
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }
}
