/** Starts a tethered process, says `note`, and lives on: `tether-parent <note file> <command> <args…>`. */
import { noteProcess } from '../../hub/operate/left-over.js';
import { spawnTethered } from '../../hub/operate/tether.js';

const [note, command, ...args] = process.argv.slice(2) as [string, string, ...string[]];
const child = spawnTethered(command, args, { stdout: 'pipe', stderr: 'inherit' });
if (child.pid !== undefined) noteProcess(note, child.pid);
child.stdout?.pipe(process.stdout);
