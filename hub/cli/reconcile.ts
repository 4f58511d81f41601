import type { Command } from 'commander';
import type { UpstreamProof } from '../desk/reconcile-upstream.js';
import { EXIT, type ExitCode } from './exit-codes.js';
import { addCommand, type Call, type Frame } from './frame.js';
import { withReader } from './open-reader.js';

interface Options {
  readonly upstream?: boolean;
}

/** `cardhub reconcile`: the topics against the books. */
export function register(program: Command, frame: Frame): void {
  addCommand<Options>(program, frame, {
    name: 'reconcile',
    summary: { en: 'Prove the topics against the books.', zh: '核对主题内容与账目。' },
    examples: ['cardhub reconcile', 'cardhub reconcile --upstream --json'],
    more:
      'Reads every record, sums their digests, and compares with what the positions say was published.\n' +
      '--upstream takes each listing again and compares every row with what is published; nothing is written.\n' +
      'Exit code 1: a topic differs, or a row. `expired`: retention has taken the oldest events.',
    options: (command) =>
      command.option('--upstream', 'compare the upstream systems with the topics as well'),
    run: reconcile,
  });
}

async function reconcile(call: Call<Options>): Promise<ExitCode> {
  const { out, options } = call;
  const { proveTopics } = await import('../desk/reconcile.js');
  const proofs = await withReader(await call.config(), ({ log, codec }) => proveTopics(log, codec));
  const upstream = options.upstream === true ? await proveUpstreams(call) : [];
  const agree = proofs.every(({ outcome }) => outcome !== 'differs');
  const ok = agree && upstream.every((proof) => proof.ok);
  out.document({ ok, topics: proofs, ...(options.upstream === true ? { upstream } : {}) });
  out.table(
    ['topic 主题', 'kind', 'count 数量', 'booked 账目', 'digest 摘要', 'result 结果'],
    proofs.map((proof) => [
      proof.topic,
      proof.kind,
      String(proof.count),
      String(proof.booked.count),
      proof.digest,
      proof.outcome,
    ]),
  );
  out.line(
    agree ? 'Topics and books agree. 主题与账目一致。' : 'Topics and books DIFFER. 主题与账目不一致！',
  );
  showUpstreams(out, upstream);
  return ok ? EXIT.ok : EXIT.no;
}

async function proveUpstreams({ frame, config }: Call<Options>): Promise<UpstreamProof[]> {
  const [{ openHub }, { proveUpstream }] = await Promise.all([
    import('../run/hub.js'),
    import('../desk/reconcile-upstream.js'),
  ]);
  const connectors = await frame.services.connectors();
  const hub = await openHub(await config(), { connectors, readOnly: true, once: true });
  const stop = new AbortController();
  try {
    hub.follow(stop.signal);
    const proofs: UpstreamProof[] = [];
    for (const { deps } of hub.streams) {
      const proof = await proveUpstream(deps, frame.signal);
      if (proof !== null) proofs.push(proof);
    }
    return proofs;
  } finally {
    stop.abort();
    await hub.close();
  }
}

function showUpstreams(out: Call<Options>['out'], proofs: readonly UpstreamProof[]): void {
  if (proofs.length === 0) return;
  out.table(
    ['stream 数据流', 'rows 行', 'upstream count 上游计数', 'equal 一致', 'differs 不同', 'missing 缺失'],
    proofs.map((proof) => [
      `${proof.source}/${proof.stream}`,
      String(proof.rows),
      proof.upstreamCount === null ? '-' : String(proof.upstreamCount),
      String(proof.equal),
      String(proof.differs),
      String(proof.missing),
    ]),
  );
}
