/**
 * A Kafka broker for development: `cardhub demo --kafka` and the system tests start their own. Apache Kafka is
 * a set of Maven artifacts; Maven resolves them once into `.cache/kafka`, Java 17 runs them in KRaft mode with
 * one node that is broker and controller. For development ONLY: one replica, plain text, loopback, no
 * flush to disk. Operations run a real cluster.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, open, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Kafka, logLevel } from 'kafkajs';
import { packagePath } from '../package-root.js';
import { DevBrokerError } from './broker-error.js';
import {
  END_WAIT_MS,
  endLeftOver,
  findProcess,
  forgetProcess,
  noteProcess,
  type Noted,
} from './left-over.js';
import { spawnTethered } from './tether.js';

/** Kept in one place: the version that the engine has been tried with (libraries.md). */
export const KAFKA_VERSION = '4.1.0';

const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 10_000;
const RESOLVE_TIMEOUT_MS = 300_000;
/** Of the broker's log, in an error. */
const LOG_LINES = 5;

export interface DevBrokerOptions {
  /** Data folder, kept after `stop`; absent: a temporary one, removed by `stop`. One broker a folder. */
  readonly dir?: string;
  /** Client port on 127.0.0.1; absent: a free one. */
  readonly port?: number;
  /** Where the jars are kept. Absent: `.cache/kafka` of the package. */
  readonly cacheDir?: string;
  /** `false` leaves out the settings that trade peak speed for a quick start. Default true. */
  readonly fast?: boolean;
  /** Told when a broker of an earlier process, which it outlived, had to be ended first. */
  readonly onLeftOver?: (left: Noted) => void;
}

export interface DevBroker {
  /** `127.0.0.1:port`, as `KAFKA_BROKERS` takes it. */
  readonly brokers: string;
  readonly port: number;
  readonly pid: number;
  /** Ends the process and waits for it; the data stays, for `restart`. */
  kill(signal: NodeJS.Signals): Promise<void>;
  /** Starts again on the same folder and port. After SIGKILL it waits for the old session to end (some 8 s). */
  restart(): Promise<void>;
  /** Ends the process and removes a temporary data folder. */
  stop(): Promise<void>;
}

/** Why no broker can be started here; undefined when one can. Never downloads anything. */
export function whyNoDevBroker(cacheDir = packagePath('.cache', 'kafka')): string | undefined {
  if (spawnSync('java', ['-version'], { stdio: 'ignore' }).status !== 0)
    return 'no `java` (17 or newer) on the PATH';
  if (existsSync(jarFolder(cacheDir))) return undefined;
  if (spawnSync('mvn', ['-v'], { stdio: 'ignore' }).status !== 0) {
    return 'no `mvn` on the PATH, and the jars of Kafka are not in .cache/kafka';
  }
  return undefined;
}

/**
 * Resolves the jars if need be, formats the folder if it is new, starts the broker, waits until it serves. The
 * broker ends with this process, however that ends.
 * @throws DevBrokerError IN_USE, NOT_STARTED
 */
export async function startDevBroker(options: DevBrokerOptions = {}): Promise<DevBroker> {
  const reason = whyNoDevBroker(options.cacheDir);
  if (reason !== undefined) throw new Error(`Cannot start a development broker: ${reason}.`);
  const classPath = await resolveJars(options.cacheDir ?? packagePath('.cache', 'kafka'));
  const dir = options.dir ?? (await mkdtemp(join(tmpdir(), 'cardhub-kafka-')));
  await endEarlier(dir, options.onLeftOver);
  const port = options.port ?? (await freePort());
  const brokers = `127.0.0.1:${port}`;
  const java = javaArguments(classPath, options.fast ?? true);
  await prepareFolder(dir, port, java);

  let child = await launch(dir, java);
  const endWithParent = () => void child.kill('SIGKILL');
  process.on('exit', endWithParent);
  const end = async (signal: NodeJS.Signals) => {
    await endChild(child, signal);
  };
  try {
    await serves(brokers, () => exitOf(child), dir);
  } catch (cause) {
    await end('SIGKILL');
    forgetProcess(noteIn(dir));
    process.off('exit', endWithParent);
    throw cause;
  }
  return {
    brokers,
    port,
    get pid() {
      return child.pid ?? -1;
    },
    kill: end,
    restart: async () => {
      await end('SIGTERM');
      child = await launch(dir, java);
      await serves(brokers, () => exitOf(child), dir);
    },
    stop: async () => {
      await end('SIGTERM');
      process.off('exit', endWithParent);
      forgetProcess(noteIn(dir));
      if (options.dir === undefined) await rm(dir, { recursive: true, force: true });
    },
  };
}

const noteIn = (dir: string): string => join(dir, 'broker.pid');
const configIn = (dir: string): string => join(dir, 'server.properties');

/** A broker that was left on the folder holds its lock and its ports: it is ended, unless its process lives. */
async function endEarlier(dir: string, onLeftOver?: (left: Noted) => void): Promise<void> {
  const left = await endLeftOver(noteIn(dir), configIn(dir));
  if (left.state === 'none') {
    refuseUnnoted(dir);
    return;
  }
  const { pid, parent, started } = left.noted;
  if (left.state === 'ended') {
    onLeftOver?.(left.noted);
  } else if (left.state === 'in-use') {
    throw new DevBrokerError(
      'IN_USE',
      `process ${parent} runs a broker on ${dir} (process ${pid}, since ${started}): end process ${parent}, ` +
        'or take another folder',
    );
  } else {
    throw new DevBrokerError(
      'IN_USE',
      `a broker of an earlier run is left on ${dir} (process ${pid}, since ${started}) and did not end within ` +
        `${END_WAIT_MS / 1_000} s of SIGTERM and of SIGKILL: end process ${pid}, or take another folder`,
    );
  }
}

/** Without its note a broker may be anybody's, so it is named and let be. */
function refuseUnnoted(dir: string): void {
  const pid = findProcess(
    (command) => /^\S*java /.test(command) && command.endsWith(` kafka.Kafka ${configIn(dir)}`),
  );
  if (pid === null) return;
  throw new DevBrokerError(
    'IN_USE',
    `process ${pid} is a broker on ${dir} that no file there tells of: end it (kill ${pid}; kill -9 ${pid} if it ` +
      'is still there after some seconds) and start again',
  );
}

function jarFolder(cacheDir: string): string {
  return join(cacheDir, `jars-${KAFKA_VERSION}`);
}

/** slf4j-simple 1.7 is the backend that this Kafka binds to: without it the broker's errors vanish. */
const POM = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>cardhub</groupId><artifactId>dev-broker</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>${KAFKA_VERSION}</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
  </dependencies>
</project>
`;

/** The class path, in a fixed order. Several processes may resolve at once: each into its own folder, then a rename. */
async function resolveJars(cacheDir: string): Promise<string> {
  const folder = jarFolder(cacheDir);
  if (!existsSync(folder)) {
    await mkdir(cacheDir, { recursive: true });
    const work = await mkdtemp(join(cacheDir, 'resolve-'));
    await writeFile(join(work, 'pom.xml'), POM);
    const jars = join(work, 'jars');
    await run('mvn', [
      '-q',
      '-B',
      '-f',
      join(work, 'pom.xml'),
      'dependency:copy-dependencies',
      `-DoutputDirectory=${jars}`,
      '-DincludeScope=runtime',
    ]);
    await rename(jars, folder).catch((error: unknown) => {
      if (!existsSync(folder)) throw error;
    });
    await rm(work, { recursive: true, force: true });
  }
  const names = (await readdir(folder)).filter((name) => name.endsWith('.jar')).sort();
  return names.map((name) => join(folder, name)).join(':');
}

async function run(command: string, args: readonly string[]): Promise<void> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: RESOLVE_TIMEOUT_MS });
  let output = '';
  const keep = (chunk: Buffer) => (output = (output + chunk.toString()).slice(-4_000));
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  if (code !== 0) throw new Error(`${command} ended with ${code}:\n${output}`);
}

function javaArguments(classPath: string, fast: boolean): readonly string[] {
  return [
    '-Xmx256m',
    '-Xms64m',
    '-XX:+UseSerialGC',
    ...(fast ? ['-XX:TieredStopAtLevel=1', '-Xshare:auto'] : []),
    '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
    '-Dorg.slf4j.simpleLogger.showDateTime=true',
    '-cp',
    classPath,
  ];
}

/** StorageTool, not a hand-written meta.properties: that would leave `transaction.version` at 0. */
async function prepareFolder(dir: string, port: number, java: readonly string[]): Promise<void> {
  await mkdir(dir, { recursive: true });
  const config = configIn(dir);
  const known = existsSync(config) ? await readFile(config, 'utf8') : '';
  const controller = /^controller\.quorum\.voters=1@127\.0\.0\.1:(\d+)$/m.exec(known)?.[1];
  // The old one while it is free: another process may have it by now.
  await writeFile(config, serverProperties(dir, port, await freePort(Number(controller ?? 0))));
  if (existsSync(join(dir, 'log', 'meta.properties'))) return;
  const id = randomBytes(16).toString('base64url');
  // A leading dash would be read as an option.
  const clusterId = id.startsWith('-') ? `A${id.slice(1)}` : id;
  await run('java', [...java, 'kafka.tools.StorageTool', 'format', '-t', clusterId, '-c', config]);
}

function serverProperties(dir: string, port: number, controllerPort: number): string {
  const settings: Record<string, string | number | boolean> = {
    'process.roles': 'broker,controller',
    'node.id': 1,
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`,
    'controller.listener.names': 'CONTROLLER',
    'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'log.dirs': join(dir, 'log'),
    'auto.create.topics.enable': false,
    'num.partitions': 12,
    // Internal topics default to 50 partitions and 3 replicas.
    'offsets.topic.num.partitions': 5,
    'offsets.topic.replication.factor': 1,
    'transaction.state.log.num.partitions': 5,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'share.coordinator.state.topic.replication.factor': 1,
    'share.coordinator.state.topic.min.isr': 1,
    'share.coordinator.state.topic.num.partitions': 1,
    'group.initial.rebalance.delay.ms': 0,
    'group.min.session.timeout.ms': 1_000,
    // How often the coordinator looks for transactions whose time is over (default 10 s).
    'transaction.abort.timed.out.transaction.cleanup.interval.ms': 1_000,
    // After kill -9 a restart waits until the old session has ended (default: 9 s). Much shorter, and a busy
    // machine makes the controller fence its only broker: no leaders, no coordinators for a minute.
    'broker.session.timeout.ms': 5_000,
    'broker.heartbeat.interval.ms': 500,
    'log.cleaner.dedupe.buffer.size': 8 * 1024 * 1024,
    'log.cleaner.backoff.ms': 1_000,
    'log.segment.bytes': 64 * 1024 * 1024,
    'num.network.threads': 2,
    'num.io.threads': 2,
    'controlled.shutdown.enable': false,
  };
  return Object.entries(settings)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
}

async function launch(dir: string, java: readonly string[]): Promise<ChildProcess> {
  const log = await open(join(dir, 'broker.log'), 'a');
  try {
    const child = spawnTethered('java', [...java, 'kafka.Kafka', configIn(dir)], {
      stdout: log.fd,
      stderr: log.fd,
    });
    if (child.pid !== undefined) noteProcess(noteIn(dir), child.pid);
    return child;
  } finally {
    await log.close();
  }
}

function exitOf(child: ChildProcess): string | undefined {
  if (child.exitCode !== null) return `exit code ${child.exitCode}`;
  return child.signalCode === null ? undefined : `signal ${child.signalCode}`;
}

async function endChild(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (exitOf(child) !== undefined) return;
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill(signal);
  const hammer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
  await ended;
  clearTimeout(hammer);
}

/**
 * Waits for an answer to a Metadata request (not for a line in the log), then for both coordinators: just after
 * a start they answer LOADING or NOT_AVAILABLE, and the first transaction makes the internal topics.
 */
async function serves(brokers: string, exit: () => string | undefined, dir: string): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  const kafka = new Kafka({
    brokers: [brokers],
    clientId: 'cardhub-dev-broker',
    logLevel: logLevel.NOTHING,
    retry: { retries: 0 },
  });
  for (;;) {
    const gone = exit();
    if (gone === undefined && (await answers(kafka))) return;
    if (gone !== undefined || Date.now() > deadline) {
      const log = join(dir, 'broker.log');
      const what =
        gone === undefined ? `did not answer within ${START_TIMEOUT_MS / 1_000} s` : `ended (${gone})`;
      const said = lastWords(await readFile(log, 'utf8').catch(() => ''));
      throw new DevBrokerError(
        'NOT_STARTED',
        `the broker ${what}; its log is ${log}, and ends with:\n${said}`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** The end of a log without the traces. */
function lastWords(log: string): string {
  const lines = log
    .slice(-20_000)
    .split('\n')
    .filter((line) => line.trim() !== '' && !/^\s+at |^\s*\.\.\. \d+ more/.test(line));
  return lines
    .slice(-LOG_LINES)
    .map((line) => `  ${line.slice(0, 300)}`)
    .join('\n');
}

async function answers(kafka: Kafka): Promise<boolean> {
  const admin = kafka.admin({ retry: { retries: 0 } });
  const producer = kafka.producer({
    transactionalId: 'cardhub-dev-broker',
    transactionTimeout: 10_000,
    idempotent: true,
    maxInFlightRequests: 1,
    retry: { retries: 1 },
    createPartitioner: () => () => 0,
  });
  try {
    await admin.connect();
    await admin.listTopics();
    await admin.fetchOffsets({ groupId: 'cardhub-dev-broker' });
    await producer.connect();
    const transaction = await producer.transaction();
    await transaction.abort();
    return true;
  } catch {
    return false;
  } finally {
    await Promise.allSettled([admin.disconnect(), producer.disconnect()]);
  }
}

/** @param wanted taken if it is free; 0: any */
async function freePort(wanted = 0): Promise<number> {
  const server = createServer();
  const port = await new Promise<number>((resolve) => {
    server.once('error', () => resolve(0));
    server.listen(wanted, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
  if (port === 0) return freePort();
  await new Promise((resolve) => server.close(resolve));
  return port;
}
