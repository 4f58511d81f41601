import type { ConnectorSpec } from '../../connectors/sdk.js';
import type { SourceDocument } from './document.js';
import { asBlock, checkReference } from './refer.js';
import type { ConfigProblem } from './types.js';

/**
 * `after:` names streams of other sources: each must exist and be switched on, and no stream may wait for
 * itself, however long the way round is; a hub with such a circle would wait for ever without a word.
 */
export function checkReferences(document: SourceDocument, specs: readonly ConnectorSpec[]): ConfigProblem[] {
  const graph = streamGraph(document.data, specs);
  const problems: ConfigProblem[] = [];
  for (const [id, node] of graph) {
    for (const [index, target] of node.after.entries()) {
      const path = ['sources', node.source, 'streams', node.stream, 'after', String(index)];
      const known = graph.get(target);
      if (known === undefined) {
        const what = 'the source/stream of a stream here';
        problems.push(...checkReference(document, { path, name: target, known: [...graph.keys()], what }));
      } else if (!known.enabled && node.enabled) {
        problems.push({
          code: 'UNKNOWN_REFERENCE',
          ...document.place(path, 'value'),
          path: path.join('.'),
          message: `${id} waits for ${target}, which is switched off (enabled: false, or without options), so it would wait for ever`,
          hint: `switch ${target} on, or take it out of after`,
        });
      }
    }
    const circle = findCircle(graph, id);
    if (circle !== undefined) {
      const path = ['sources', node.source, 'streams', node.stream, 'after'];
      problems.push({
        code: 'CYCLE',
        ...document.place(path, 'key'),
        path: path.join('.'),
        message: `streams wait for each other in a circle: ${circle.join(' → ')}`,
      });
    }
  }
  return problems;
}

interface StreamNode {
  readonly source: string;
  readonly stream: string;
  readonly enabled: boolean;
  /** From hub.yaml. */
  readonly after: readonly string[];
  /** From hub.yaml and the connector's spec. */
  readonly waitsFor: readonly string[];
}

function streamGraph(data: unknown, specs: readonly ConnectorSpec[]): Map<string, StreamNode> {
  const graph = new Map<string, StreamNode>();
  const sources = (data as { sources?: unknown }).sources;
  for (const [source, block] of Object.entries(asBlock(sources))) {
    const kind = asBlock(block)['connector'];
    const streams = asBlock(asBlock(block)['streams']);
    const connector = specs.find((candidate) => candidate.kind === kind);
    const configured = connector?.configured?.(asBlock(asBlock(block)['options']));
    for (const spec of connector?.streams ?? []) {
      const given = asBlock(streams[spec.name]);
      const after = Array.isArray(given['after'])
        ? given['after'].filter((target): target is string => typeof target === 'string')
        : [];
      graph.set(`${source}/${spec.name}`, {
        source,
        stream: spec.name,
        enabled:
          given['enabled'] === true ||
          (given['enabled'] !== false && (configured?.includes(spec.name) ?? true)),
        after,
        waitsFor: [...spec.after.map((stream) => `${source}/${stream}`), ...after],
      });
    }
  }
  return graph;
}

/** The way from `start` back to itself; reported by the circle's first member in alphabetical order only. */
function findCircle(graph: ReadonlyMap<string, StreamNode>, start: string): string[] | undefined {
  const seen = new Set<string>();
  const walk = (id: string, way: readonly string[]): string[] | undefined => {
    for (const next of graph.get(id)?.waitsFor ?? []) {
      if (next === start) return [...way, next];
      if (seen.has(next)) continue;
      seen.add(next);
      const found = walk(next, [...way, next]);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  const circle = walk(start, [start]);
  return circle !== undefined && circle.every((id) => id >= start) ? circle : undefined;
}
