/** What a script can tell from the exit code of every command. */
export const EXIT = {
  ok: 0,
  /** It ran, and the answer is no: books unbalanced, differences found, a check failed, no profile fits. */
  no: 1,
  /** Wrong option, wrong configuration, a file of the wrong form. Repeating it changes nothing. */
  usage: 2,
  /** An upstream system, the broker or the running hub did not answer as it should. Repeating it may help. */
  upstream: 3,
  /** The store is damaged, locked, full, or of another version. */
  store: 4,
  /** Ended by SIGINT, SIGTERM or SIGHUP before it was done. What was acknowledged is kept. */
  interrupted: 5,
  /** A mistake in Cardhub (EX_SOFTWARE of sysexits.h). */
  bug: 70,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];
