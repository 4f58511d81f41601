import { join, relative } from 'node:path';
import { DEMO_CLIENTS } from '../demo/clients.js';
import type { Frame } from './frame.js';
import type { Output } from './output.js';

/** What to type to drive the demo's UHPPOTE controller, as its bridge does. */
export function tellBridge(
  out: Output,
  { cwd, env }: Pick<Frame, 'cwd' | 'env'>,
  dir: string,
  port: number,
): void {
  const at = (...path: string[]): string => relative(cwd, join(dir, ...path)) || join(dir, ...path);
  // The demo's data folder stands in its hub.yaml; the variable would send the command elsewhere.
  const unset = env['CARDHUB_DATA'] ? 'CARDHUB_DATA= ' : '';
  const token = `CARDHUB_TOKEN=$(cat ${at('clients', DEMO_CLIENTS.bridge.file)})`;
  const config = at('hub.yaml');
  out.line(
    `\nA UHPPOTE controller is on UDP 127.0.0.1:${port}, and somebody swipes there every 5 s. Until its bridge runs,` +
      ' it decides by the list that it has.',
  );
  out.line('模拟的 UHPPOTE 控制器，每 5 秒有人刷卡；启动桥接后由 hub 判定，否则按其自存名单：');
  out.line(`  ${unset}${token} npx cardhub bridge uhppote -c ${config} --listen 127.0.0.1:60001`);
  out.line(`  ${unset}npx cardhub controllers -c ${config}`);
}
