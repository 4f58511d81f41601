/**
 * What is mounted where.
 *
 *   POST /access/v1/evaluation   may this subject do this (AuthZEN)             access.ts
 *   POST /access/v1/evaluations  several of them                                evaluations.ts
 *   POST /access/v1/search/…     who may, where, what (AuthZEN)                 search.ts
 *   …    /tenants/{name}/access  the same for a tenant of its own               tenants.ts
 *   GET  /.well-known/authzen-configuration                                     metadata.ts
 *   POST /v1/identity/check      is this card valid, and is it this person's    identity.ts
 *   POST /v1/library/…           the library desk: authenticate, checkout, checkin library.ts
 *   GET  /v1/decisions/{id}      why was it decided so                          explain.ts
 *   …    /v1/controllers …       lists, confirmations and events of doors       controllers.ts
 *   GET  /docs /openapi.yaml     what can be asked here                         docs.ts
 *   GET  /livez /readyz /metrics for those who run it                           health.ts
 *   POST /intake/{source}        what upstreams send by themselves (mounted)    intake.ts
 *   /registry                    the schemas (mounted by the caller)            registry.ts
 *
 * Every other method on a known path is 405 with `Allow`; everything else is a problem document.
 */
import { Hono } from 'hono';
import type { Context, Handler } from 'hono';
import type { Follower } from '../views/follow.js';
import { ALERT_STATES } from '../views/alerts.js';
import type { HubView } from '../views/view.js';
import { createMetrics } from '../operate/metrics.js';
import type { Metrics } from '../operate/metrics.js';
import { DECISION_REASONS } from '../decide/reasons.js';
import type { DecisionReason } from '../decide/reasons.js';
import { entityCandidates } from '../search/entities.js';
import type { Candidates } from '../search/search.js';
import { accessEvaluation } from './access.js';
import type { BalanceSource } from './beside.js';
import { controllerRoutes, noControllers, type ControllerParts } from './controllers.js';
import type { AuditTrail } from './audit.js';
import { header } from './body.js';
import type { DecisionLog } from './decision-log.js';
import type { Scope } from './caller.js';
import { accessEvaluations } from './evaluations.js';
import { decisionExplained } from './explain.js';
import type { Explanation } from './explain.js';
import { createGuard } from './gate.js';
import type { Access, Answerer, Guard, Refused } from './gate.js';
import { docs } from './docs.js';
import { bare, livez, readyz } from './health.js';
import type { HealthCheck } from './health.js';
import { identityCheck } from './identity.js';
import { createIdempotencyStore } from './idempotency.js';
import { libraryRest } from './library.js';
import { createEnumerationWatch } from './enumeration.js';
import type { EnumerationWatch } from './enumeration.js';
import { decidesOnly } from '../sip2/library-desk.js';
import type { LibraryDesk } from '../sip2/library-desk.js';
import { metadata } from './metadata.js';
import type { FacadeParts } from './parts.js';
import { problem } from './problems.js';
import { accessSearch } from './search.js';
import type { SearchKind } from './search.js';
import { byTenant } from './tenants.js';
import type { Tenant } from './tenants.js';

export interface FacadeOptions {
  readonly view: HubView;
  readonly follower: Pick<Follower, 'ready' | 'lag' | 'faults'>;
  readonly decisions: DecisionLog;
  readonly now: () => number;
  readonly metrics?: Metrics;
  /** Further checks of readiness, e.g. the disk. */
  readonly checks?: readonly HealthCheck[];
  /** Every AuthZEN answer carries its reason; default: only where the request asks. */
  readonly alwaysReasons?: boolean;
  /** Paths served by others, e.g. the schema registry. */
  readonly mounts?: Readonly<Record<string, Hono>>;
  /** Whom and what a search may find; default: what the policy itself knows. */
  readonly candidates?: Candidates;
  /** Who may call; absent: everybody, in the hub's own tenant. */
  readonly access?: Access;
  /** Who asked what; absent: nobody writes it down. */
  readonly audit?: AuditTrail;
  /** The newest signed checkpoint of the audit trail; absent: there is no such path. */
  readonly auditCheckpoint?: () => string | undefined;
  /** Tenants beside the hub's own. */
  readonly tenants?: readonly Tenant[];
  /** `https://…` under which clients reach the facade; stands in the metadata. */
  readonly publicUrl?: string | undefined;
  /** Rebuilds a decision; absent: decisions are not kept here, so there is no such path. */
  readonly explain?: (id: string) => Promise<Explanation | undefined>;
  /** Absent: hub.yaml names no controllers. */
  readonly controllers?: ControllerParts;
  /** Absent: nobody may ask for balances. */
  readonly balances?: BalanceSource;
  /** Names of the libraries of hub.yaml; absent: any is taken as it comes. */
  readonly institutions?: ReadonlySet<string>;
  /** Lends and takes back; absent: the hub says who may borrow, and nothing else. */
  readonly library?: LibraryDesk;
  /** Told of a client that tries numbers out. */
  readonly onEnumeration?: (client: string) => void;
  /** Told of errors that no handler expected. */
  readonly onError?: (error: unknown) => void;
}

export function createFacade(options: FacadeOptions): Hono {
  const metrics = options.metrics ?? createMetrics();
  const parts: FacadeParts = {
    view: options.view,
    decisions: options.decisions,
    now: options.now,
    ready: () => options.follower.ready,
    alwaysReasons: options.alwaysReasons ?? false,
    counters: countersOf(metrics),
  };
  addGauges(metrics, options);
  const app = new Hono();
  /** Methods of each path. Kept here and not as a second handler: with one handler Hono composes nothing. */
  const allowed = new Map<string, string>();
  const route: Route = (method, path, handler) => {
    app.on(method, path, handler);
    const before = allowed.get(path);
    const own = method === 'GET' ? 'GET, HEAD' : method;
    allowed.set(path, before === undefined ? own : `${before}, ${own}`);
  };
  const guard = guardOf(options, metrics);
  /** A path of the hub's own tenant that asks for this scope; errors are problem documents. */
  const own = (method: Method, path: string, scope: Scope, handler: Answerer): void =>
    route(method, path, guard({ scope, form: 'problem', action: path }, handler));
  routeAccess(route, guard, options, parts);
  const watch = enumerationWatch(metrics, options);
  own(
    'POST',
    '/v1/identity/check',
    'identity',
    identityCheck({ ...parts, balances: options.balances }, watch),
  );
  const { institutions, library: lending = decidesOnly } = options;
  const library = { ...parts, institutions, library: lending };
  const keys = createIdempotencyStore(options.now);
  const desk = libraryRest(library, watch, keys);
  for (const [name, handler] of Object.entries(desk)) own('POST', `/v1/library/${name}`, 'library', handler);
  const { explain, controllers } = options;
  if (explain !== undefined) {
    const explained = decisionExplained(explain, options.decisions);
    route(
      'GET',
      DECISION,
      guard({ scope: 'explain', tenant: 'any', form: 'problem', action: DECISION }, explained),
    );
  }
  for (const [method, path, scope, handler] of controllers
    ? controllerRoutes(controllers, keys)
    : noControllers) {
    if (scope === null) route(method, path, handler);
    else own(method, path, scope, handler);
  }
  route('GET', '/livez', livez());
  route('GET', '/readyz', readiness(options, guard, watch.check));
  for (const path of ['/docs', '/openapi.yaml'] as const) route('GET', path, docs(path));
  own('GET', '/metrics', 'operate', () => shownMetrics(metrics));
  const { auditCheckpoint } = options;
  if (auditCheckpoint !== undefined) own('GET', '/v1/audit/checkpoint', 'audit', checkpoint(auditCheckpoint));
  for (const [path, mounted] of Object.entries(options.mounts ?? {})) app.route(path, mounted);
  app.notFound((c) => {
    const { path } = c.req;
    const allow = allowed.get(path) ?? OPTIONAL[path] ?? allowedOf(allowed, path);
    return allow === undefined || allow.split(', ').includes(c.req.method)
      ? problem('NOT_FOUND', 'see openapi/facade.yaml for the paths that are served')
      : problem('METHOD_NOT_ALLOWED', `expected ${allow}, came ${c.req.method}`, { allow });
  });
  app.onError((error) => {
    options.onError?.(error);
    return problem('INTERNAL', 'the error is in the log of the hub');
  });
  return app;
}

const DECISION = '/v1/decisions/:id';
/** Mounted only where there is something to serve; the methods are known all the same. */
const OPTIONAL: Readonly<Record<string, string>> = {
  '/oauth2/token': 'POST',
  '/oauth2/jwks': 'GET, HEAD',
  '/.well-known/oauth-authorization-server': 'GET, HEAD',
  '/.well-known/oauth-protected-resource': 'GET, HEAD',
  '/v1/audit/checkpoint': 'GET, HEAD',
};

/** Methods of the path with a parameter that fits; undefined: none does. */
function allowedOf(allowed: ReadonlyMap<string, string>, path: string): string | undefined {
  const parts = path.split('/');
  for (const [pattern, methods] of allowed) {
    const of = pattern.includes(':') ? pattern.split('/') : [];
    if (of.length !== parts.length) continue;
    if (of.every((part, i) => part === parts[i] || (part.startsWith(':') && parts[i] !== ''))) return methods;
  }
  return undefined;
}

type Method = 'GET' | 'PUT' | 'POST';
type Route = (method: Method, path: string, handler: Handler) => void;

const SEARCHES: readonly SearchKind[] = ['subject', 'resource', 'action'];
const WELL_KNOWN = '/.well-known/authzen-configuration';

/** AuthZEN for the hub's own tenant and for each of the others, by base path and by credential. */
function routeAccess(route: Route, guard: Guard, options: FacadeOptions, parts: FacadeParts): void {
  const { tenants = [], publicUrl } = options;
  const handlersOf = (of: FacadeParts, candidates: Candidates): ReadonlyMap<string, Answerer> =>
    new Map<string, Answerer>([
      ['/access/v1/evaluation', accessEvaluation(of)],
      ['/access/v1/evaluations', accessEvaluations(of)],
      ...SEARCHES.map((kind): [string, Answerer] => [
        `/access/v1/search/${kind}`,
        accessSearch({ ...of, candidates }, kind),
      ]),
    ]);
  const others = tenants.map((tenant) => ({
    tenant,
    handlers: handlersOf(
      { ...parts, view: tenant.view, tenant: tenant.name },
      entityCandidates(() => tenant.view.policy()),
    ),
  }));
  const candidates = options.candidates ?? entityCandidates(() => options.view.policy());
  for (const [path, own] of handlersOf(parts, candidates)) {
    const scope = path.includes('/search/') ? 'search' : 'decide';
    const of = new Map(others.map(({ tenant, handlers }) => [tenant.name, handlers.get(path) ?? own]));
    route('POST', path, guard({ scope, tenant: 'any', form: 'sentence', action: path }, byTenant(own, of)));
    for (const [tenant, handler] of of) {
      route(
        'POST',
        `/tenants/${tenant}${path}`,
        guard({ scope, tenant, form: 'sentence', action: path }, handler),
      );
    }
  }
  route('GET', WELL_KNOWN, metadata(publicUrl, ''));
  for (const { name } of tenants) {
    // The path of the decision point goes behind the well-known one (AuthZEN 1.0, section on metadata).
    const serve = metadata(publicUrl, `/tenants/${name}`);
    route('GET', `${WELL_KNOWN}/tenants/${name}`, serve);
    route('GET', `/tenants/${name}${WELL_KNOWN}`, serve);
  }
}

function shownMetrics(metrics: Metrics): Response {
  return new Response(metrics.text(), {
    headers: { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' },
  });
}

function checkpoint(newest: () => string | undefined): Answerer {
  return () => {
    const jws = newest();
    return jws === undefined
      ? problem('NOT_READY', 'nothing was signed yet', { 'retry-after': '60' })
      : new Response(`${jws}\n`, { headers: { 'content-type': 'application/jose' } });
  };
}

/** Whoever does not say who they are, where that is asked for, learns only whether the hub is ready. */
function readiness(
  { follower, view, checks = [], access }: FacadeOptions,
  guard: Guard,
  own: HealthCheck,
): Answerer {
  const ready = readyz(follower, view, [...checks, own]);
  const inDetail = guard({ scope: 'operate', form: 'problem', action: '/readyz' }, ready);
  const inShort = bare(ready);
  const stranger = (c: Context): boolean =>
    access?.open === false && header(c, 'authorization') === undefined;
  return (c) => (stranger(c) ? inShort(c) : inDetail(c));
}

/** Refused calls are counted by reason; clients are those of hub.yaml, so their number is bounded. */
function guardOf({ access, audit }: FacadeOptions, metrics: Metrics): Guard {
  const counter = metrics.counter('cardhub_refused_total', 'Calls refused, by reason and client.');
  const onRefused = ({ code, client, scope, action }: Refused): void => {
    counter.inc({ code, ...(client !== undefined && { client }) });
    audit?.refused({ client, scope, action, code });
  };
  return createGuard({ access, onRefused, audit });
}

function enumerationWatch(metrics: Metrics, { now, onEnumeration }: FacadeOptions): EnumerationWatch {
  const alarms = metrics.counter('cardhub_enumeration_total', 'Minutes in which a client tried numbers out.');
  return createEnumerationWatch(now, (client) => {
    alarms.inc({ client });
    onEnumeration?.(client);
  });
}

function countersOf(metrics: Metrics): FacadeParts['counters'] {
  const decisions = metrics.counter('cardhub_decisions_total', 'Decisions by reason.');
  const refused = metrics.counter('cardhub_audit_refused_total', 'Answers 503 since the log was full.');
  const byReason = new Map<DecisionReason, () => void>(
    DECISION_REASONS.map((reason) => [reason, decisions.bound({ reason })]),
  );
  return { decided: (reason) => byReason.get(reason)?.(), audit: () => refused.inc() };
}

function controllerGauges(metrics: Metrics, desk: ControllerParts['desk'], now: () => number): void {
  const sum = (of: 'unconfirmed' | 'unconfirmedLosses') => (): number =>
    desk.reports().reduce((total, report) => total + report[of], 0);
  metrics.gauge(
    'cardhub_controller_unconfirmed_oldest_seconds',
    'Age of the oldest revocation that a controller has not confirmed.',
    () => {
      const oldest = desk.reports().flatMap(({ oldestUnconfirmedAt }) => oldestUnconfirmedAt ?? []);
      return oldest.length === 0 ? 0 : Math.max(0, now() - Math.min(...oldest)) / 1_000;
    },
  );
  metrics.gauge(
    'cardhub_controller_unconfirmed',
    'Revocations that controllers have not confirmed, each counted by controller.',
    sum('unconfirmed'),
  );
  metrics.gauge('cardhub_controller_unconfirmed_losses', 'Those for a loss.', sum('unconfirmedLosses'));
}

function addGauges(metrics: Metrics, { view, follower, decisions, now, controllers }: FacadeOptions): void {
  metrics.gauge('cardhub_view_ready', 'The view has caught up.', () => (follower.ready ? 1 : 0));
  metrics.gauge('cardhub_view_lag_records', 'Records committed but not applied.', () => follower.lag);
  metrics.gauge(
    'cardhub_view_faults',
    'Topics with a record that was not applied.',
    () => follower.faults.length,
  );
  metrics.gauge('cardhub_view_cards', 'Cards in the view.', () => view.cards.size);
  metrics.gauge('cardhub_view_people', 'People in the view.', () => view.people.size);
  metrics.gauge('cardhub_view_grants', 'Grants in the view.', () => view.grants.size);
  metrics.gauge('cardhub_view_doors', 'Doors in the view.', () => view.doors.size);
  metrics.gauge(
    'cardhub_alerts',
    'Alarms in force, by state.',
    () => {
      const counts = new Map(ALERT_STATES.map((state) => [state as string, 0]));
      for (const { state } of view.alerts.list(now())) counts.set(state, (counts.get(state) ?? 0) + 1);
      return counts;
    },
    'state',
  );
  metrics.gauge(
    'cardhub_data_age_seconds',
    'Now minus the as-of time that the view has applied, by source partition.',
    () => new Map([...view.freshness.entries()].map(([id, asOf]) => [id, Math.max(0, now() - asOf) / 1_000])),
    'source_partition',
  );
  if (controllers !== undefined) controllerGauges(metrics, controllers.desk, now);
  metrics.gauge('cardhub_decision_log_buffered', 'Decisions not written yet.', () => decisions.size);
  metrics.gauge(
    'cardhub_decision_log_dropped',
    'Decisions given but not logged.',
    () => decisions.droppedCount,
  );
  metrics.gauge('cardhub_decision_log_failed', 'Failed appends of decisions.', () => decisions.failedAppends);
}
