import { serveLocal, type LocalHandler, type LocalServer } from '../operate/local-socket.js';
import { serveRights } from '../operate/right-sockets.js';
import type { Config } from '../config/types.js';
import { commandRecord, streamCommand, type CommandRequest } from '../desk/commands.js';
import { createFacade } from '../facade/app.js';
import { DecisionLog } from '../facade/decision-log.js';
import { decisionSink } from './decision-sink.js';
import { explainDecision } from '../facade/explain.js';
import {
  agreementsCheck,
  alertCheck,
  calendarCheck,
  certificateCheck,
  diskCheck,
  type HealthCheck,
} from '../facade/health.js';
import { explainParts } from './explain-parts.js';
import { intakeApp } from '../facade/intake.js';
import { registryApp } from '../facade/registry.js';
import { startFacade, type FacadeServer, type FacadeWatch } from '../facade/server.js';
import { startLibraryDesk } from '../sip2/start.js';
import type { Sip2Server } from '../sip2/server.js';
import { createMetrics, type Metrics } from '../operate/metrics.js';
import { readerProfiles } from '../../transforms/reader-profiles.js';
import type { ReaderProfile } from '../../transforms/card-number.js';
import { followLog, type Follower } from '../views/follow.js';
import { marking, Marks } from '../doors/lists.js';
import { searchable } from '../search/campus.js';
import type { Candidates } from '../search/search.js';
import { createHubView, type HubView } from '../views/view.js';
import { alertHandler } from './alert.js';
import { controllersTask, type ControllersTask } from './controllers.js';
import { controllerUpload } from './controller-upload.js';
import { watchHealth } from './health.js';
import { openHub, type HubOptions, type HubParts } from './hub.js';
import { matchingTask, type MatchingTask, type MatchRequest } from './bank-matching.js';
import { openIntake, type Intake } from './intake.js';
import { openJournal, type Journal } from './journal.js';
import { shanghaiDay } from './keys.js';
import { startOwner, type OwnedTask, type Owner } from './owner.js';
import { configuredPolicy, policyRecord, switchRecord, type PolicySwitch } from './policy.js';
import { compilePolicy, type PolicyDocument } from '../decide/policy.js';
import { openTenant, withTenants, type Tenant } from '../facade/tenants.js';
import { openLibraryDesk } from './library.js';
import { sumHoldings } from '../tables/holding.js';
import { replicaName } from './replica.js';
import { auditedHandlers, handlersOfRight, openAudit, type Audit } from './audit.js';
import { openBalances, type Balances } from './balances.js';
import { followSwitches } from './client-switch.js';
import type { TokenNote } from '../clients/oauth.js';
import { openRights, rightsHandlers, switchParts, type Rights } from './rights.js';
import { statusOf, type HubStatus } from './status.js';
import { upstreamPages } from './upstream-pages.js';

/**
 * The running hub: pulls what it owns, follows the log, answers, takes commands on its local socket.
 *
 *   openHub ─▶ policy on the log ─▶ view follows ─▶ facade listens ─▶ view ready ─▶ owner pulls ─▶ local socket
 *   stop: the same, backwards: first no new questions, then no new rows, then the log.
 */
export interface Runtime {
  readonly hub: HubParts;
  readonly view: HubView;
  readonly follower: Follower;
  readonly facade: FacadeServer;
  /** Null: hub.yaml has no library desk. */
  readonly libraryDesk: Sip2Server | null;
  readonly owner: Owner;
  readonly metrics: Metrics;
  status(): HubStatus;
  stop(): Promise<void>;
}

export interface RuntimeOptions extends HubOptions {
  /** The hub cannot go on (store damaged, log lost): the caller stops it. */
  readonly onFatal: (error: Error) => void;
  readonly onProblem?: (what: string, error: unknown) => void;
  /** Where a port of hub.yaml is taken, the facade and the library desk listen on any free one. For the demo. */
  readonly elseAnyPort?: boolean;
  /** How often the books of banks are looked at; default: once a minute. */
  readonly matchBanksMs?: number;
}

/** A log that grows faster than it is read must still be pulled into. */
const CAUGHT_UP_MS_MAX = 60_000;
const MAINTAIN_EVERY_MS = 10 * 60_000;
const DAY_MS = 86_400_000;

export async function startRuntime(config: Config, options: RuntimeOptions): Promise<Runtime> {
  const ending: (() => Promise<unknown> | void)[] = [];
  const stop = async (): Promise<void> => {
    for (const end of ending.splice(0).reverse()) await end();
  };
  try {
    const health = watchHealth(options.now ?? Date.now);
    const onStream: HubOptions['onStream'] = (note) => {
      health.note(note);
      options.onStream?.(note);
    };
    const hub = await openHub(config, { ...options, onStream });
    ending.push(() => hub.close());
    const replica = replicaName(config.dataDir);
    const journal = await openJournal(hub.log, hub.codec, `${config.tenant}/hub/${replica}/0`, hub.now);
    ending.push(() => journal.close());
    const tenants = await startTenants(hub, journal);
    const { view, follower, candidates, marks } = startView(hub, tenants, options);
    ending.push(() => follower.close());
    const metrics = createMetrics();
    const controllers = await controllersTask(hub, {
      ...{ view, candidates, marks },
      ready: () => follower.whenReady,
      onProblem: (what, error) => options.onProblem?.(what, error),
    });
    const intake = openIntake({ tenant: config.tenant, sources: hub.sources });
    const onProblem = (what: string, error: unknown): void => options.onProblem?.(what, error);
    const audit = await openAudit(hub, { replica, journal, onProblem });
    ending.push(() => audit.close());
    const rights = await startRights(hub, view, audit, options, ending);
    const { balances, reload } = startBalances(hub, { view, follower, rights }, onProblem, ending);
    const parts = {
      view,
      follower,
      journal,
      metrics,
      replica,
      tenants,
      candidates,
      intake,
      controllers,
      rights,
      audit,
      balances,
    };
    const { facade, libraryDesk } = await startAnswers(hub, parts, options, ending);
    await caughtUp(follower);
    const matching = bankMatching(hub, options);
    const owner = await startPulling(hub, view, { matching, controllers }, options, ending);
    intake.attach(owner);
    watchMemory(metrics, owner);
    ending.push(startMaintenance(hub, rights, options));
    const status = (): HubStatus => statusOf({ hub, view, follower, facade, owner, replica, health });
    const local = await startLocal(
      hub,
      { journal, view, matching, controllers, rights, audit, onReload: reload },
      status,
    );
    ending.push(() => local.close());
    return { hub, view, follower, facade, libraryDesk, owner, metrics, status, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Puts the configured policies on the log, of the hub's own tenant first. */
async function startTenants(hub: HubParts, journal: Journal): Promise<readonly Tenant[]> {
  const { config, log, codec, now } = hub;
  const put = async (tenant: string, path: string | undefined): Promise<PolicyDocument> => {
    const document = configuredPolicy(path);
    const record = await policyRecord(log, codec, tenant, document, now());
    if (record !== null) await journal.append([record]);
    return document;
  };
  await put(config.tenant, config.policy);
  const tenants: Tenant[] = [];
  for (const { name, policy } of config.facade.tenants) {
    tenants.push(openTenant({ name, policy: compilePolicy(await put(name, policy)) }, now));
  }
  return tenants;
}

function startView(
  hub: HubParts,
  tenants: readonly Tenant[],
  options: RuntimeOptions,
): { view: HubView; follower: Follower; candidates: Candidates; marks: Marks } {
  const own = hub.config.readers.profiles as unknown as Record<string, ReaderProfile>;
  const { profiles } = readerProfiles(own);
  const campus = createHubView({ tenant: hub.config.tenant, profiles, now: hub.now });
  const { view: indexed, candidates } = searchable(campus);
  const marks = new Marks();
  const view = withTenants(marking(indexed, marks), tenants);
  const follower = followLog({
    log: hub.log,
    view,
    decoder: hub.codecs.view,
    now: hub.now,
    onProblem: ({ code, topic, cause }) => options.onProblem?.(`view ${code} ${topic}`, cause),
  });
  // Closed before it was ready: nobody waits for it any more.
  follower.whenReady.catch(() => undefined);
  return { view, follower, candidates, marks };
}

interface AnswerParts {
  readonly view: HubView;
  readonly follower: Follower;
  readonly journal: Journal;
  readonly metrics: Metrics;
  readonly replica: string;
  readonly tenants: readonly Tenant[];
  readonly candidates: Candidates;
  readonly intake: Intake;
  readonly controllers: ControllersTask | null;
  readonly rights: Rights | undefined;
  readonly audit: Audit;
  readonly balances: Balances;
}

/** Balances are held where a client may ask for them: from the start, or from the reload that brings the first one. */
function startBalances(
  hub: HubParts,
  { view, follower, rights }: Pick<AnswerParts, 'view' | 'follower' | 'rights'>,
  onProblem: (what: string, error: unknown) => void,
  ending: (() => Promise<unknown> | void)[],
): { readonly balances: Balances; readonly reload: () => void } {
  const balances = openBalances(hub, { view, ready: follower.whenReady, onProblem });
  ending.push(() => balances.close());
  const reload = (): void => {
    const clients = [...(rights?.clients.all() ?? [])];
    if (clients.some(({ config }) => config.scopes.includes('balance'))) balances.want();
  };
  reload();
  return { balances, reload };
}

/** Who may call. Switches are read to their end before anybody is answered: who was switched off stays so. */
async function startRights(
  hub: HubParts,
  view: HubView,
  { writer }: Audit,
  options: RuntimeOptions,
  ending: (() => Promise<unknown> | void)[],
): Promise<Rights | undefined> {
  const onToken = ({ client, outcome }: TokenNote): void => writer.token(client, outcome);
  const rights = await openRights(hub.config, { view, now: hub.now, onToken });
  if (rights === undefined) return undefined;
  const following = new AbortController();
  ending.push(() => following.abort());
  await followSwitches(switchParts(hub), rights.clients, following.signal, (error) =>
    options.onProblem?.('client switches', error),
  );
  return rights;
}

async function startAnswers(
  hub: HubParts,
  parts: AnswerParts,
  options: RuntimeOptions,
  ending: (() => Promise<unknown> | void)[],
): Promise<Pick<Runtime, 'facade' | 'libraryDesk'>> {
  const { codec, config } = hub;
  const decisions = new DecisionLog({
    replica: parts.replica,
    pseudonym: hub.keys.pseudonym,
    now: hub.now,
    onAlarm: ({ code, cause }) => options.onProblem?.(`decision log ${code}`, cause),
    sink: decisionSink(parts.journal, codec),
  });
  ending.push(() => decisions.close());
  const library = openLibraryDesk(hub.sources);
  const listening: { facade?: FacadeServer } = {};
  const certificateEnds = (): number | undefined => listening.facade?.certificateEnds();
  const app = createFacade({
    view: parts.view,
    follower: parts.follower,
    ...{ decisions, now: hub.now, metrics: parts.metrics },
    ...(parts.rights && { access: parts.rights.access }),
    audit: parts.audit.writer,
    auditCheckpoint: () => parts.audit.checkpoint(),
    tenants: parts.tenants,
    candidates: parts.candidates,
    library,
    ...(config.sip2 && { institutions: new Set(Object.keys(config.sip2.institutions)) }),
    balances: parts.balances,
    explain: (id) => explainDecision(explainParts(hub), id),
    publicUrl: config.facade.publicUrl,
    ...(parts.controllers !== null && {
      controllers: {
        desk: parts.controllers.desk,
        upload: controllerUpload(parts.intake, hub.now),
      },
    }),
    checks: checksOf(hub, parts, certificateEnds),
    mounts: {
      ...parts.rights?.apps,
      '/intake': intakeApp((source, body) => parts.intake.take(source, body)),
      ...(config.facade.registry && {
        '/registry': registryApp(hub.codecs.catalogue, { prefix: config.log.prefix }),
      }),
    },
    onEnumeration: (client) =>
      options.onProblem?.(
        'enumeration',
        new Error(`the client ${client} asked about more than 30 unknown cards within a minute`),
      ),
    onError: (error) => options.onProblem?.('facade', error),
  });
  const onProblem = (what: string, error: unknown): void => options.onProblem?.(what, error);
  const ports = { elseAnyPort: options.elseAnyPort ?? false, onProblem };
  const address = { ...config.facade, guarded: config.clients.length > 0, ...ports };
  const facade = await startFacade(app, address, facadeWatch(parts.metrics));
  listening.facade = facade;
  ending.push(() => facade.close());
  if (config.sip2 === undefined) return { facade, libraryDesk: null };
  const libraryDesk = await startLibraryDesk(config.sip2, {
    ...{ view: parts.view, decisions, metrics: parts.metrics, now: hub.now },
    ready: () => parts.follower.ready,
    library,
    ...ports,
  });
  ending.push(() => libraryDesk.close());
  return { facade, libraryDesk };
}

function checksOf(
  hub: HubParts,
  { view, rights, metrics }: AnswerParts,
  certificateEnds: () => number | undefined,
): HealthCheck[] {
  metrics.gauge(
    'cardhub_facade_certificate_seconds',
    'Until the certificate in use ends; 0 without TLS.',
    () => Math.max(0, ((certificateEnds() ?? 0) - hub.now()) / 1_000),
  );
  return [
    diskCheck(hub.config.dataDir),
    calendarCheck(view, hub.now),
    alertCheck(view, hub.now),
    certificateCheck(certificateEnds, hub.now),
    agreementsCheck(() => [...(rights?.clients.all() ?? [])].map(({ config }) => config), hub.now),
  ];
}

function facadeWatch(metrics: Metrics): FacadeWatch {
  const shed = metrics.counter('cardhub_facade_shed_total', 'Requests answered 503 since too many came.');
  const away = metrics.counter(
    'cardhub_facade_turned_away_total',
    'Connections ended that sent no request in time, or none that can be one.',
  );
  return { onShed: (kind) => shed.inc({ kind }), onTurnedAway: (reason) => away.inc({ reason }) };
}

/** Answers come first: until the view is ready, pulling would only keep it from being so. */
async function caughtUp(follower: Follower): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, CAUGHT_UP_MS_MAX)));
  await Promise.race([follower.whenReady.catch(() => undefined), late]);
  clearTimeout(timer);
}

/** Where the hub's memory goes: what grows with records, by what is held. */
function watchMemory(metrics: Metrics, owner: Owner): void {
  const each = (of: 'entries' | 'bytes') => () =>
    new Map([...sumHoldings(owner.holdings())].map(([what, held]) => [what, held[of]]));
  const help =
    'Held in memory by streams and tasks that run here: newest values of a topic, events, books of banks';
  metrics.gauge('cardhub_held_bytes', `${help}.`, each('bytes'), 'what');
  metrics.gauge('cardhub_held_entries', `${help}; how many.`, each('entries'), 'what');
}

/** Null: hub.yaml names no bank to match. */
function bankMatching(hub: HubParts, options: RuntimeOptions): MatchingTask | null {
  const { banks, tenant } = hub.config;
  if (banks.length === 0) return null;
  const asked = hub.sources.flatMap(({ config: { name }, connector: { loads } }) => {
    const config = banks.find(({ source, loads: matched }) => source === name && matched !== undefined);
    return config === undefined || loads === undefined ? [] : [{ config, loads }];
  });
  return matchingTask({
    ...{ log: hub.log, codec: hub.codec, tenant, banks, now: hub.now, asked },
    ...(options.matchBanksMs === undefined ? {} : { everyMs: options.matchBanksMs }),
    onProblem: (error) => options.onProblem?.('bank matching', error),
  });
}

async function startPulling(
  hub: HubParts,
  view: HubView,
  tasks: { readonly matching: MatchingTask | null; readonly controllers: OwnedTask | null },
  options: RuntimeOptions,
  ending: (() => Promise<unknown> | void)[],
): Promise<Owner> {
  const following = new AbortController();
  ending.push(() => following.abort());
  hub.follow(following.signal, {
    holders: (scheme, value) => view.cards.keysInUse(scheme, value),
    applied: (topic, partition) => view.freshness.next(topic, partition),
  });
  const owner = await startOwner({
    log: hub.log,
    streams: hub.streams,
    tasks: [tasks.matching, tasks.controllers].filter((task) => task !== null),
    directory: hub.directory,
    random: options.random ?? Math.random,
    onFatal: options.onFatal,
  });
  ending.push(() => owner.stop());
  void followCommands(hub, owner, tasks.matching, following.signal).catch((error: unknown) => {
    if (!following.signal.aborted) options.onProblem?.('commands', error);
  });
  return owner;
}

/** Hands each command to the stream that it is for; a stream of another hub leaves it to that one. */
async function followCommands(
  hub: HubParts,
  owner: Owner,
  matching: MatchingTask | null,
  signal: AbortSignal,
): Promise<void> {
  const deps = { days: hub.keys.days, now: hub.now };
  for await (const batch of hub.log.read({ topic: 'hub.command', until: 'follow', signal })) {
    for (const record of batch.records) {
      const command = streamCommand(record, hub.codec, deps);
      if (command !== null) owner.command(record.key, command);
      if (record.key === matching?.id) matching.nudge();
    }
  }
}

interface LocalParts {
  readonly journal: Journal;
  readonly view: HubView;
  readonly matching: MatchingTask | null;
  readonly controllers: ControllersTask | null;
  readonly rights: Rights | undefined;
  readonly audit: Audit;
  readonly onReload: () => void;
}

async function startLocal(
  hub: HubParts,
  { journal, view, matching, controllers, rights, audit, onReload }: LocalParts,
  status: () => HubStatus,
): Promise<LocalServer> {
  const handlers: Readonly<Record<string, LocalHandler>> = {
    ...rightsHandlers(hub, journal, rights, onReload),
    status: async () => status(),
    command: async (body) => {
      await journal.append([commandRecord(body as CommandRequest, hub.codec, hub.now())]);
      return { accepted: true };
    },
    alert: alertHandler(hub, journal, view),
    policy: async (body) => {
      const { record, version, from } = await switchRecord(
        hub.log,
        hub.codec,
        body as PolicySwitch,
        hub.now(),
      );
      if (record !== null) await journal.append([record]);
      return { version, from, written: record !== null };
    },
    controllers: async () => ({
      controllers: controllers?.desk.reports() ?? [],
      revocations: controllers?.desk.revocations() ?? [],
    }),
    'upstream-page': upstreamPages(hub.streams),
    'match-banks': async (body) => (await matching?.match(body as MatchRequest)) ?? [],
  };
  const audited = auditedHandlers(handlers, audit.writer);
  const local = await serveLocal(hub.config.dataDir, audited);
  const { operators } = hub.config;
  if (operators === undefined) return local;
  try {
    const sockets = await serveRights(operators, (right) => handlersOfRight(audited, right, audit.writer));
    const all = [local, ...sockets];
    return { path: local.path, close: async () => void (await Promise.all(all.map((one) => one.close()))) };
  } catch (error) {
    await local.close();
    throw error;
  }
}

function startMaintenance(
  hub: HubParts,
  rights: Rights | undefined,
  options: RuntimeOptions,
): () => Promise<void> {
  let working: Promise<unknown> = Promise.resolve();
  const timer = setInterval(() => {
    working = hub.log
      .maintain(hub.now())
      .then(() => rights?.keys?.maintain(hub.now()))
      .then(() => hub.keys.days.purge(shanghaiDay(hub.now() - hub.config.keys.keepMs - DAY_MS)))
      .catch((error: unknown) => options.onProblem?.('maintenance', error));
  }, MAINTAIN_EVERY_MS);
  return async () => {
    clearInterval(timer);
    await working;
  };
}
