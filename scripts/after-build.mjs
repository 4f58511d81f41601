// Makes the compiled command runnable: `npx cardhub` needs the executable bit. And puts the types of the OpenAPI document
// where those of `cardhub/client` look for them: the compiler does not copy declarations.
import { chmodSync, copyFileSync, existsSync, mkdirSync } from 'node:fs';

const main = new URL('../dist/hub/cli/main.js', import.meta.url);
if (existsSync(main)) chmodSync(main, 0o755);

const openapi = new URL('../dist/openapi/', import.meta.url);
mkdirSync(openapi, { recursive: true });
copyFileSync(new URL('../openapi/facade.d.ts', import.meta.url), new URL('facade.d.ts', openapi));
