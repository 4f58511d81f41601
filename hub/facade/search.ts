/**
 * `POST /access/v1/search/subject|resource|action`: who may do this, what may they do it with, what may they do.
 * The id of what is searched for is ignored. Results hold `{type, id}` or `{name}` and nothing more. Doors that the
 * caller's agreement does not cover are no candidates; who asks about one gets 403.
 *
 *   page: {limit}  ─▶ page: {next_token}, results
 *   page: {token}  ─▶ the same request goes on; a changed one is 400
 */
import { createHash } from 'node:crypto';
import type { Context } from 'hono';
import type { Subject } from '../decide/model.js';
import { searchPage } from '../search/search.js';
import type { Candidates, Named, SearchQuery } from '../search/search.js';
import { echoed, isBag, isId, sentOf, subjectOf, text, wrong, wrongProperties } from './authzen.js';
import type { Bag, Parsed } from './authzen.js';
import { purposeName } from '../decide/evaluate.js';
import { auditNote } from './audit.js';
import { header, readJson } from './body.js';
import { callerOf, OPEN, outsideAgreement, uncovered } from './caller.js';
import type { Caller } from './caller.js';
import type { FacadeParts } from './parts.js';

export type SearchKind = SearchQuery['kind'];

const LIMIT_DEFAULT = 100;
const LIMIT_MAX = 1_000;
const TOKEN_LENGTH_MAX = 2_048;

interface Search {
  readonly query: SearchQuery;
  readonly after?: string | undefined;
  readonly limit: number;
  /** The request asked for pages. */
  readonly paged: boolean;
  readonly digest: string;
}

/** What a page token holds. It gives nobody a right: the request that goes on is decided anew. */
interface Token {
  readonly after: string;
  readonly limit: number;
  readonly digest: string;
  readonly order: string;
}

export function accessSearch(
  parts: FacadeParts & { readonly candidates: Candidates },
  kind: SearchKind,
): (c: Context) => Promise<Response> {
  const { view, candidates, now } = parts;
  return async (c) => {
    const requestId = echoed(header(c, 'x-request-id'));
    const body = await readJson(c);
    if (!body.ok) return text(body.code === 'BODY_TOO_LARGE' ? 413 : 400, body.detail, requestId);
    const parsed = parseSearch(kind, body.value, candidates.order);
    if (!parsed.ok) return text(400, parsed.error, requestId);
    if (!parts.ready()) {
      const message = 'the hub has not read its log to the end yet: try again';
      return text(503, message, requestId, { 'retry-after': '1' });
    }
    const { query, after, limit, paged, digest } = parsed.request;
    const caller = callerOf(c);
    const [type, id] =
      query.kind === 'resource' ? [query.resourceType] : [query.resource.type, query.resource.id];
    auditNote(c, { purpose: purposeName(type), about: aboutOf(query) });
    const outside = uncovered(caller, type, id);
    if (outside !== undefined) return text(403, outsideAgreement(outside), requestId);
    const { results, next } = searchPage(
      { view, policy: view.policy(), candidates: seenBy(caller, candidates) },
      query,
      { after, limit },
      now(),
    );
    const { order } = candidates;
    const token = next === undefined ? '' : writeToken({ after: next, limit, digest, order });
    const answer = paged || token !== '' ? { page: { next_token: token }, results } : { results };
    return new Response(JSON.stringify(answer), {
      headers: {
        'content-type': 'application/json',
        ...(requestId !== undefined && { 'x-request-id': requestId }),
      },
    });
  };
}

function aboutOf(query: SearchQuery): string {
  const { type, id } = query.kind === 'subject' ? query.resource : query.subject;
  return `${type}:${id}`;
}

/** Taken out before they are decided: neither a short page nor its time tells of doors that are not shown. */
function seenBy(caller: Caller, candidates: Candidates): Candidates {
  if (caller === OPEN) return candidates;
  return {
    order: candidates.order,
    *of(query, after, now) {
      for (const one of candidates.of(query, after, now)) {
        const { resourceType, resource } = one.request;
        if (resourceType !== 'door' || caller.seesDoor(resource)) yield one;
      }
    },
  };
}

export function parseSearch(kind: SearchKind, body: unknown, order: string): Parsed<Search> {
  if (!isBag(body)) return wrong('the body', 'an object', body);
  const query = parseQuery(kind, body);
  if (!query.ok) return query;
  const { page } = body;
  if (page !== undefined && !isBag(page)) return wrong('page', 'an object', page);
  const given = page?.limit;
  if (given !== undefined && (!Number.isSafeInteger(given) || Number(given) < 1)) {
    return wrong('page.limit', 'a whole number above 0', given);
  }
  const digest = digestOf(kind, body);
  const limit = given === undefined ? undefined : Math.min(Number(given), LIMIT_MAX);
  const paged = page !== undefined;
  const sentToken = page?.token;
  if (sentToken === undefined || sentToken === '') {
    return { ok: true, request: { query: query.request, limit: limit ?? LIMIT_DEFAULT, paged, digest } };
  }
  const token = typeof sentToken === 'string' ? readToken(sentToken) : undefined;
  if (token === undefined || token.order !== order) {
    return { ok: false, error: 'page.token: expected a token of this server: begin again without one' };
  }
  if (token.digest !== digest || (limit !== undefined && limit !== token.limit)) {
    return { ok: false, error: 'page.token: expected the request that the token was given for' };
  }
  const { after } = token;
  return { ok: true, request: { query: query.request, after, limit: token.limit, paged, digest } };
}

function parseQuery(kind: SearchKind, body: Bag): Parsed<SearchQuery> {
  const { subject, resource, action, context } = body;
  if (!isBag(subject)) return wrong('subject', 'an object', subject);
  if (!isId(subject.type)) return wrong('subject.type', 'a string', subject.type);
  if (kind !== 'subject' && !isId(subject.id)) return wrong('subject.id', 'a string', subject.id);
  if (!isBag(resource)) return wrong('resource', 'an object', resource);
  if (!isId(resource.type)) return wrong('resource.type', 'a string', resource.type);
  if (kind !== 'resource' && !isId(resource.id)) return wrong('resource.id', 'a string', resource.id);
  if (context !== undefined && !isBag(context)) return wrong('context', 'an object', context);
  if (kind !== 'action') {
    if (!isBag(action)) return wrong('action', 'an object', action);
    if (!isId(action.name)) return wrong('action.name', 'a string', action.name);
  }
  const asked: Bag = isBag(action) && kind !== 'action' ? action : {};
  const properties = wrongProperties(subject, resource, asked);
  if (properties !== undefined) return properties;
  const sent = sentOf(subject, resource, asked, context);
  const name = isId(asked.name) ? asked.name : '';
  const who = (): Subject => subjectOf(subject.type as string, subject.id as string, subject.properties);
  const what = { type: resource.type, id: resource.id } as Named;
  if (kind === 'subject') {
    return { ok: true, request: { kind, subjectType: subject.type, resource: what, action: name, sent } };
  }
  return kind === 'resource'
    ? { ok: true, request: { kind, subject: who(), resourceType: resource.type, action: name, sent } }
    : { ok: true, request: { kind, subject: who(), resource: what, sent } };
}

/** Of everything that makes the request; the id of what is searched for is ignored, so it is left out. */
function digestOf(kind: SearchKind, { subject, resource, action, context }: Bag): string {
  const without = (bag: unknown, left: boolean) => {
    const { id, ...rest } = bag as Bag;
    return left ? rest : { ...rest, id };
  };
  const request = [
    kind,
    without(subject, kind === 'subject'),
    without(resource, kind === 'resource'),
    kind === 'action' ? null : action,
    context ?? null,
  ];
  return createHash('sha256').update(JSON.stringify(request)).digest('base64url').slice(0, 22);
}

function writeToken({ after, limit, digest, order }: Token): string {
  return Buffer.from(JSON.stringify([after, limit, digest, order])).toString('base64url');
}

function readToken(token: string): Token | undefined {
  if (token.length > TOKEN_LENGTH_MAX) return undefined;
  try {
    const read = JSON.parse(Buffer.from(token, 'base64url').toString('utf8')) as unknown;
    if (!Array.isArray(read)) return undefined;
    const [after, limit, digest, order] = read as unknown[];
    if (typeof after !== 'string' || typeof digest !== 'string' || typeof order !== 'string')
      return undefined;
    if (!Number.isSafeInteger(limit) || Number(limit) < 1 || Number(limit) > LIMIT_MAX) return undefined;
    return { after, limit: Number(limit), digest, order };
  } catch {
    return undefined;
  }
}
