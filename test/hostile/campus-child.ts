/** The campus in a process of its own, so that it is not weighed with the hub: `campus-child {json}`. Ends when disconnected. */
import { startCampusUnderFire, type CampusArgument } from './campus.js';

const campus = await startCampusUnderFire(JSON.parse(process.argv[2] ?? '') as CampusArgument);
process.once('disconnect', () => void campus.close().finally(() => process.exit(0)));
process.send?.(campus.told);
