// Makes the compiled command runnable: `npx cardhub` needs the executable bit.
import { chmodSync, existsSync } from 'node:fs';

const main = new URL('../dist/hub/cli/main.js', import.meta.url);
if (existsSync(main)) chmodSync(main, 0o755);
