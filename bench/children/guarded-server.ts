/**
 * The facade with its decision log, for clients with a token or open to everybody. Says the tokens that it takes; each
 * message is answered with the CPU time so far.
 */
import { createFacade } from '../../hub/facade/app.js';
import { startFacade } from '../../hub/facade/server.js';
import { openBenchClient } from '../bench-client.js';
import { openDeciding } from '../decisions.js';

export interface GuardedServerArgument {
  /** Of the log that the view is read from. */
  readonly dir: string;
  readonly guarded: boolean;
}

/** As many clients' tokens as a campus may have. */
const TOKENS = 64;

const { dir, guarded } = JSON.parse(process.argv[2] as string) as GuardedServerArgument;
const { view, follower, decisions } = await openDeciding(dir);
const client = guarded ? await openBenchClient() : undefined;
const app = createFacade({
  ...{ view, follower, decisions, now: Date.now },
  ...(client && { access: client.access() }),
});
const { port } = await startFacade(app, { host: '127.0.0.1', port: 0 });
process.on('message', () => {
  const { user, system } = process.cpuUsage();
  process.send?.({ cpuMs: (user + system) / 1_000 });
});
process.on('disconnect', () => process.exit(0));
process.send?.({ port, tokens: (await client?.issue(TOKENS)) ?? [] });
