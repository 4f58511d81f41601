import { appendForever } from '../log.workload.js';
import { openEmbeddedLog } from './index.js';

/** The process that the crash test kills: `crash-child.ts <folder> <source partition>`; a line for each batch. */
const [, , dir, id] = process.argv;
const log = await openEmbeddedLog({ dir: dir! });
await appendForever(log, id!, (sequence) => process.stdout.write(`${sequence}\n`));
