/**
 * What is mounted where.
 *
 *   POST /access/v1/evaluation   may this subject pass this door (AuthZEN)      access.ts
 *   POST /v1/identity/check      is this card valid, and is it this person's    identity.ts
 *   GET  /livez /readyz /metrics for those who run it                           health.ts
 *   /registry                    the schemas (mounted by the caller)            registry.ts
 *
 * Every other method on a known path is 405 with `Allow`; everything else is a problem document.
 */
import { Hono } from 'hono';
import type { Handler } from 'hono';
import type { Follower } from '../views/follow.js';
import type { HubView } from '../views/view.js';
import { createMetrics } from '../operate/metrics.js';
import type { Metrics } from '../operate/metrics.js';
import { DECISION_REASONS } from '../decide/reasons.js';
import type { DecisionReason } from '../decide/reasons.js';
import { accessEvaluation } from './access.js';
import type { DecisionLog } from './decision-log.js';
import { livez, readyz } from './health.js';
import type { HealthCheck } from './health.js';
import { identityCheck } from './identity.js';
import type { FacadeParts } from './parts.js';
import { problem } from './problems.js';

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
  const route = (method: 'GET' | 'POST', path: string, handler: Handler): void => {
    app.on(method, path, handler);
    allowed.set(path, method === 'GET' ? 'GET, HEAD' : method);
  };
  route('POST', '/access/v1/evaluation', accessEvaluation(parts));
  route('POST', '/v1/identity/check', identityCheck(parts));
  route('GET', '/livez', livez());
  route('GET', '/readyz', readyz(options.follower, options.view, options.checks ?? []));
  route('GET', '/metrics', () => {
    return new Response(metrics.text(), {
      headers: { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' },
    });
  });
  for (const [path, mounted] of Object.entries(options.mounts ?? {})) app.route(path, mounted);
  app.notFound((c) => {
    const allow = allowed.get(c.req.path);
    return allow === undefined
      ? problem('NOT_FOUND', 'see openapi/facade.yaml for the paths that are served')
      : problem('METHOD_NOT_ALLOWED', `expected ${allow}, came ${c.req.method}`, { allow });
  });
  app.onError((error) => {
    options.onError?.(error);
    return problem('INTERNAL', 'the error is in the log of the hub');
  });
  return app;
}

function countersOf(metrics: Metrics): FacadeParts['counters'] {
  const decisions = metrics.counter('cardhub_decisions_total', 'Decisions by reason.');
  const refused = metrics.counter('cardhub_audit_refused_total', 'Answers 503 since the log was full.');
  const byReason = new Map<DecisionReason, () => void>(
    DECISION_REASONS.map((reason) => [reason, decisions.bound({ reason })]),
  );
  return { decided: (reason) => byReason.get(reason)?.(), audit: () => refused.inc() };
}

function addGauges(metrics: Metrics, { view, follower, decisions, now }: FacadeOptions): void {
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
    'cardhub_data_age_seconds',
    'Now minus the as-of time that the view has applied, by source partition.',
    () => new Map([...view.freshness.entries()].map(([id, asOf]) => [id, Math.max(0, now() - asOf) / 1_000])),
    'source_partition',
  );
  metrics.gauge('cardhub_decision_log_buffered', 'Decisions not written yet.', () => decisions.size);
  metrics.gauge(
    'cardhub_decision_log_dropped',
    'Decisions given but not logged.',
    () => decisions.droppedCount,
  );
  metrics.gauge('cardhub_decision_log_failed', 'Failed appends of decisions.', () => decisions.failedAppends);
}
