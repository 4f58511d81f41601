/**
 * `GET /.well-known/authzen-configuration`: where this decision point answers. The addresses come from the
 * configuration, never from the request: whoever sends a Host header would choose where clients go next.
 */
import { problem } from './problems.js';

/** @param base `https://host[/path]` of the decision point, without a slash at the end */
export function metadataOf(base: string): Readonly<Record<string, string>> {
  return {
    policy_decision_point: base,
    access_evaluation_endpoint: `${base}/access/v1/evaluation`,
    access_evaluations_endpoint: `${base}/access/v1/evaluations`,
    search_subject_endpoint: `${base}/access/v1/search/subject`,
    search_resource_endpoint: `${base}/access/v1/search/resource`,
    search_action_endpoint: `${base}/access/v1/search/action`,
  };
}

export function metadata(publicUrl: string | undefined, path: string): () => Response {
  if (publicUrl === undefined) {
    return () => problem('NOT_FOUND', 'set facade.publicUrl: without it the hub does not know its own name');
  }
  const body = JSON.stringify(metadataOf(publicUrl + path));
  return () =>
    new Response(body, {
      headers: { 'content-type': 'application/json', 'cache-control': 'public, max-age=3600' },
    });
}
