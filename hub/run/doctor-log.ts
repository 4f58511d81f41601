import { PolicyError } from '../decide/policy.js';
import type { Config } from '../config/types.js';
import { examineStore } from '../log/embedded/examine.js';
import { LogError, type Log } from '../log/log.js';
import type { DoctorLine } from '../operate/doctor.js';
import { embeddedDir, openLog } from './open-log.js';
import { configuredPolicy } from './policy.js';
import { TOPICS } from '../../contracts/types.js';

/* Checks of what the hub itself would do at its start, beside those of the machine in operate/doctor.ts. None throws. */

/** Every batch of the embedded store against its checksum, and the counts against what is recorded. */
export async function checkStore(config: Config): Promise<DoctorLine> {
  const dir = embeddedDir(config);
  const line = { check: 'store', subject: dir };
  try {
    switch (await examineStore(dir)) {
      case 'new':
        return { ...line, state: 'ok', detail: 'not there yet; the hub makes it' };
      case 'in use':
        return { ...line, state: 'ok', detail: 'in use; its hub verified it at its start' };
      case 'sound':
        return { ...line, state: 'ok', detail: 'every batch is as it was written' };
      case 'unknown':
        return { ...line, state: 'warn', detail: 'not verified: no process could be started for it' };
    }
  } catch (error) {
    const todo =
      error instanceof LogError && error.code === 'DAMAGED'
        ? 'keep a copy of the folder, then restore a backup, or move it away and read all again (docs/operations.md)'
        : 'see docs/operations.md, "A damaged store"';
    return { ...line, state: 'fail', detail: messageOf(error), todo };
  }
}

/** The policy that hub.yaml names, read and compiled as at the start of the hub. */
export function checkPolicy(path: string): DoctorLine {
  const line = { check: 'policy', subject: path };
  try {
    const { version } = configuredPolicy(path);
    return { ...line, state: 'ok', detail: `version ${version} compiles` };
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const isFile = !(error instanceof PolicyError) && code !== undefined && /^E[A-Z]+$/.test(code);
    const detail = isFile ? `expected a readable file; got ${code}` : messageOf(error);
    const todo = isFile ? 'put the file there, or correct policy in hub.yaml' : 'correct the policy there';
    return { ...line, state: 'fail', detail, todo };
  }
}

const SOON_MS = 30 * 86_400_000;

/** Keys of clients read as at the start, and agreements that have ended or soon will. */
export async function checkClients(config: Config, now: number): Promise<DoctorLine> {
  const line = { check: 'clients', subject: 'clients' };
  try {
    const { Clients } = await import('../clients/registry.js');
    new Clients(config.clients);
  } catch (error) {
    return { ...line, state: 'fail', detail: messageOf(error), todo: 'see docs/clients.md, "Credentials"' };
  }
  const soon = config.clients.filter(({ untilMs }) => untilMs !== undefined && untilMs - now < SOON_MS);
  if (soon.length === 0) return { ...line, state: 'ok', detail: `${config.clients.length} clients` };
  const detail = `agreements that end within 30 days: ${soon.map(({ id }) => id).join(', ')}`;
  return {
    ...line,
    state: 'warn',
    detail,
    todo: 'renew them (until in hub.yaml), then cardhub clients reload',
  };
}

/** Logs in to Kafka as the hub would, and looks which topics are there. */
export async function checkLogin(config: Config): Promise<DoctorLine> {
  const line = { check: 'log', subject: 'login' };
  let log: Log | undefined;
  try {
    log = await openLog(config, { readOnly: true });
    const there = log.topics().length;
    const rest = there === TOPICS.length ? '' : '; `cardhub topics apply` or the first run makes the others';
    return { ...line, state: 'ok', detail: `${there} of ${TOPICS.length} topics are there${rest}` };
  } catch (error) {
    const todo = 'check log.kafka.ssl and sasl in hub.yaml, and the ACLs (docs/operations.md)';
    return { ...line, state: 'fail', detail: messageOf(error), todo };
  } finally {
    await log?.close();
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
