/**
 * Searching is deciding about candidates: an index names those who could be allowed, `evaluate()` says who is.
 * So an answer never differs from what a single evaluation would have said, and nobody is tried in vain but
 * those whom a grant or a rule reaches.
 *
 *   query ─▶ candidates (index, in a stable order, from the cursor on) ─▶ evaluate ─▶ page, cursor of its last
 */
import { evaluate } from '../decide/evaluate.js';
import type { EvaluationRequest } from '../decide/evaluate.js';
import type { DecisionView, SentAttributes, Subject } from '../decide/model.js';
import type { Policy } from '../decide/policy.js';

/** What is searched for has no id; the others do. */
export type SearchQuery =
  | {
      readonly kind: 'subject';
      readonly subjectType: string;
      readonly resource: Named;
      readonly action: string;
      readonly sent?: SentAttributes | undefined;
    }
  | {
      readonly kind: 'resource';
      readonly subject: Subject;
      readonly resourceType: string;
      readonly action: string;
      readonly sent?: SentAttributes | undefined;
    }
  | {
      readonly kind: 'action';
      readonly subject: Subject;
      readonly resource: Named;
      readonly sent?: SentAttributes | undefined;
    };

export interface Named {
  readonly type: string;
  readonly id: string;
}

export type SearchResult = Named | { readonly name: string };

export interface SearchPage {
  readonly results: readonly SearchResult[];
  /** Where the next page begins; undefined at the end. */
  readonly next?: string;
}

/** A candidate, and the cursor that stands after it. */
export interface Candidate {
  readonly result: SearchResult;
  readonly request: EvaluationRequest;
  /** Known to be denied, so that nothing needs to be decided; counts for the budget of a page all the same. */
  readonly denied?: boolean | undefined;
  readonly cursor: string;
}

export interface Candidates {
  /** In a stable order, those after the cursor. */
  of(query: SearchQuery, after: string | undefined, now: number): Iterable<Candidate>;
  /** Told apart from other processes whose order may differ; part of the page token. */
  readonly order: string;
}

/** Candidates of one request that are decided at most: a page may be short, its token goes on. */
const DECISIONS_MAX = 5_000;

export function searchPage(
  parts: { readonly view: DecisionView; readonly policy: Policy; readonly candidates: Candidates },
  query: SearchQuery,
  page: { readonly after?: string | undefined; readonly limit: number },
  now: number,
): SearchPage {
  const results: SearchResult[] = [];
  let decided = 0;
  let last: string | undefined;
  for (const { result, request, cursor, denied } of parts.candidates.of(query, page.after, now)) {
    // One more than the page holds, or than the budget: there is a next page.
    if (results.length === page.limit || decided === DECISIONS_MAX) {
      return last === undefined ? { results } : { results, next: last };
    }
    decided++;
    if (!denied && evaluate(parts.view, parts.policy, request, now).decision) results.push(result);
    last = cursor;
  }
  return { results };
}
