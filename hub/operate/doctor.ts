import { createPrivateKey, X509Certificate } from 'node:crypto';
import { constants } from 'node:fs';
import { access, readFile, stat, statfs } from 'node:fs/promises';
import { connect } from 'node:net';
import { dirname, resolve } from 'node:path';

/*
 * Checks of the machine around the hub. Each answers with lines, and none throws: a doctor that dies of the
 * illness helps nobody.
 */

export interface DoctorLine {
  /** `node`, `data`, `disk`, `clock`, `source`, `certificate`, `key`, `log`, `policy`, `store`. */
  readonly check: string;
  /** What was looked at: a source, a file, a broker. */
  readonly subject: string;
  readonly state: 'ok' | 'warn' | 'fail';
  /** What was expected and what came. */
  readonly detail: string;
  readonly todo?: string;
}

/** Upstreams refuse timestamps that are ten minutes off (domain.md 1.3, code 40018); door rights end by the minute. */
const SKEW_FAIL_MS = 10 * 60_000;
const SKEW_WARN_MS = 60_000;
const DISK_FAIL_BYTES = 512 * 1024 ** 2;
const DISK_WARN_BYTES = 5 * 1024 ** 3;
const CERTIFICATE_WARN_DAYS = 30;
const DAY_MS = 86_400_000;
const CONNECT_TIMEOUT_MS = 5_000;
const PEM_BYTES_MAX = 1_000_000;

export function judgeSkew(source: string, skewMs: number): DoctorLine {
  const line = { check: 'clock', subject: source, detail: `the upstream's clock is ${describeSkew(skewMs)}` };
  const off = Math.abs(skewMs);
  if (off < SKEW_WARN_MS) return { ...line, state: 'ok' };
  const todo = 'compare both with NTP: chronyc tracking here, and ask the vendor to do the same there';
  return { ...line, state: off < SKEW_FAIL_MS ? 'warn' : 'fail', todo };
}

function describeSkew(skewMs: number): string {
  const seconds = Math.round(Math.abs(skewMs) / 1000);
  if (seconds < 1) return 'the same as ours';
  return `${seconds} s ${skewMs > 0 ? 'ahead of' : 'behind'} ours`;
}

export function judgeDisk(subject: string, freeBytes: number, totalBytes: number): DoctorLine {
  const gib = (bytes: number): string => `${(bytes / 1024 ** 3).toFixed(1)} GiB`;
  const line = { check: 'disk', subject, detail: `${gib(freeBytes)} free of ${gib(totalBytes)}` };
  if (freeBytes >= DISK_WARN_BYTES) return { ...line, state: 'ok' };
  const todo = 'free space: a full disk stops the intake (answers go on)';
  return { ...line, state: freeBytes < DISK_FAIL_BYTES ? 'fail' : 'warn', todo };
}

export async function checkDisk(dataDir: string): Promise<DoctorLine> {
  const folder = await nearestFolder(dataDir);
  try {
    const found = await statfs(folder);
    return judgeDisk(dataDir, found.bavail * found.bsize, found.blocks * found.bsize);
  } catch (error) {
    return { check: 'disk', subject: dataDir, state: 'warn', detail: `cannot be measured: ${reason(error)}` };
  }
}

/** The data folder must be ours to write, and nobody else's to read: it holds card numbers and keys. */
export async function checkDataFolder(dataDir: string): Promise<DoctorLine> {
  const line = { check: 'data', subject: dataDir };
  try {
    const found = await stat(dataDir);
    if (!found.isDirectory()) {
      return {
        ...line,
        state: 'fail',
        detail: 'expected a folder; it is a file',
        todo: 'set data in hub.yaml, or CARDHUB_DATA, to a folder',
      };
    }
    await access(dataDir, constants.R_OK | constants.W_OK | constants.X_OK);
    const mode = found.mode & 0o777;
    const detail = `mode ${mode.toString(8).padStart(4, '0')}`;
    if ((mode & 0o007) === 0) return { ...line, state: 'ok', detail };
    return {
      ...line,
      state: 'warn',
      detail: `${detail}: other users may look in`,
      todo: `chmod 700 ${dataDir}`,
    };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
      const todo =
        'give the folder to the user that runs cardhub, or choose another: data in hub.yaml, or CARDHUB_DATA';
      return { ...line, state: 'fail', detail: `expected to write there; ${reason(error)}`, todo };
    }
    return checkWouldBeMade(dataDir);
  }
}

async function checkWouldBeMade(dataDir: string): Promise<DoctorLine> {
  const parent = await nearestFolder(dataDir);
  try {
    await access(parent, constants.W_OK | constants.X_OK);
    return { check: 'data', subject: dataDir, state: 'ok', detail: 'not there yet; it will be made' };
  } catch (error) {
    const detail = `not there, and it cannot be made in ${parent}: ${reason(error)}`;
    const todo = 'make it and give it to the user that runs cardhub';
    return { check: 'data', subject: dataDir, state: 'fail', detail, todo };
  }
}

async function nearestFolder(path: string): Promise<string> {
  for (let folder = path; ; folder = dirname(folder)) {
    const found = await stat(folder).catch(() => undefined);
    if (found?.isDirectory() === true || dirname(folder) === folder) return folder;
  }
}

export interface PemFile {
  /** Where the configuration names it: `core.privateKeyFile`. */
  readonly subject: string;
  readonly path: string;
}

/** Options that name a file with a certificate or a key: `…File` or `…Path`, or a value that ends like one. */
export function findPemFiles(options: unknown, subject: string, baseDir: string): PemFile[] {
  if (typeof options !== 'object' || options === null) return [];
  return Object.entries(options).flatMap(([name, value]: [string, unknown]) => {
    if (typeof value !== 'string') return findPemFiles(value, `${subject}.${name}`, baseDir);
    const looksLike = /\.(pem|crt|cer|key|p8)$/i.test(value) || /(key|cert|ca)(file|path)$/i.test(name);
    const inline = value.includes('-----BEGIN') || value === '';
    return looksLike && !inline ? [{ subject: `${subject}.${name}`, path: resolve(baseDir, value) }] : [];
  });
}

/** Present, readable, in date; a private key is for its owner only. */
export async function checkPemFile(file: PemFile, now: number): Promise<DoctorLine> {
  const line = { check: 'certificate', subject: file.subject };
  try {
    const found = await stat(file.path);
    if (found.size > PEM_BYTES_MAX)
      return { ...line, state: 'fail', detail: `${file.path} is too large for a key` };
    const bytes = await readFile(file.path);
    const certificate = readCertificate(bytes);
    if (certificate !== undefined) return judgeDates(file.subject, certificate, now);
    return judgeKey(file, bytes, found.mode);
  } catch (error) {
    const detail = `expected a readable file at ${file.path}; ${reason(error)}`;
    return { ...line, state: 'fail', detail, todo: 'put the file there, or correct the path in hub.yaml' };
  }
}

function readCertificate(bytes: Buffer): X509Certificate | undefined {
  try {
    return new X509Certificate(bytes);
  } catch {
    return undefined;
  }
}

export function judgeDates(
  subject: string,
  certificate: { readonly validFrom: string; readonly validTo: string },
  now: number,
): DoctorLine {
  const line = { check: 'certificate', subject };
  const from = Date.parse(certificate.validFrom);
  const until = Date.parse(certificate.validTo);
  const day = (time: number): string => new Date(time).toISOString().slice(0, 10);
  const days = Math.floor((until - now) / DAY_MS);
  const todo = 'ask the upstream for a new certificate, and put it in place of this one';
  if (now < from) return { ...line, state: 'fail', detail: `valid only from ${day(from)}`, todo };
  if (now >= until) return { ...line, state: 'fail', detail: `expired on ${day(until)}`, todo };
  const detail = `valid until ${day(until)}, ${days} days`;
  return days < CERTIFICATE_WARN_DAYS
    ? { ...line, state: 'warn', detail, todo }
    : { ...line, state: 'ok', detail };
}

function judgeKey(file: PemFile, bytes: Buffer, mode: number): DoctorLine {
  const line = { check: 'key', subject: file.subject };
  const text = bytes.toString('latin1');
  if (text.includes('PUBLIC KEY-----')) return { ...line, state: 'ok', detail: 'public key' };
  if (!text.includes('PRIVATE KEY-----')) {
    return {
      ...line,
      state: 'warn',
      detail: `expected PEM in ${file.path}; it is neither certificate nor key`,
    };
  }
  if ((mode & 0o077) !== 0) {
    return {
      ...line,
      state: 'warn',
      detail: 'other users may read this private key',
      todo: `chmod 600 ${file.path}`,
    };
  }
  if (text.includes('ENCRYPTED')) return { ...line, state: 'ok', detail: 'private key, encrypted' };
  try {
    createPrivateKey(bytes);
    return { ...line, state: 'ok', detail: 'private key' };
  } catch {
    const todo = 'convert it: openssl pkcs8 -topk8 -nocrypt';
    return {
      ...line,
      state: 'fail',
      detail: `expected a private key in PEM; ${file.path} cannot be read as one`,
      todo,
    };
  }
}

/** Only that somebody listens there; logins and topics: `checkLogin` in run/doctor-log.ts. */
export function checkBroker(broker: string): Promise<DoctorLine> {
  const [, host = '', port = ''] = /^\[?([^\]]*?)\]?:([0-9]+)$/.exec(broker) ?? [];
  const line = { check: 'log', subject: broker };
  return new Promise((resolvePromise) => {
    const socket = connect({ host, port: Number(port) });
    const settle = (result: DoctorLine): void => {
      socket.destroy();
      resolvePromise(result);
    };
    const todo = 'check that the broker runs, its address, and the firewall between';
    socket.setTimeout(CONNECT_TIMEOUT_MS, () =>
      settle({ ...line, state: 'fail', detail: `no connection within ${CONNECT_TIMEOUT_MS} ms`, todo }),
    );
    socket.once('connect', () => settle({ ...line, state: 'ok', detail: 'accepts connections' }));
    socket.once('error', (error) =>
      settle({ ...line, state: 'fail', detail: `no connection: ${reason(error)}`, todo }),
    );
  });
}

function reason(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? (error instanceof Error ? error.message : String(error));
}
