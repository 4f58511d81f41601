import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import type { UpstreamProof } from '../desk/reconcile-upstream.js';
import { EXIT, type ExitCode } from './exit-codes.js';
import { addCommand, type Call, type Frame } from './frame.js';
import { withReader } from './open-reader.js';

interface Options {
  /** `--upstream`: a stream that cannot be compared is a failure. `--no-upstream`: false. */
  readonly upstream?: boolean;
}

/** `cardhub reconcile`: the topics against the books, and the upstreams against the topics. */
export function register(program: Command, frame: Frame): void {
  addCommand<Options>(program, frame, {
    name: 'reconcile',
    summary: {
      en: 'Prove the topics against the books, and the upstreams against the topics.',
      zh: '核对主题内容与账目，并将各上游系统与主题逐项核对。',
    },
    examples: ['cardhub reconcile', 'cardhub reconcile --no-upstream --json'],
    more:
      'Reads every record, sums their digests, and compares with what the positions say was published. Then each\n' +
      'listing is taken again and each feed read again, and compared row by row, by count and by hash; nothing is\n' +
      'written. A stream that cannot be compared says why. Beside a running hub the upstreams are asked through it,\n' +
      'and what changed since its last poll is looked at again: `moving` differed each time in something else.\n' +
      '--no-upstream asks no upstream. --upstream fails when a stream could not be compared.\n' +
      'Exit code 1: a topic differs, or a row. 3: with --upstream, something was not compared. `expired`: retention\n' +
      'has taken the oldest events.\n' +
      '先以账目核对各主题，再重新读取各上游系统逐行核对，不写入任何数据；无法核对的数据流会说明原因。',
    options: (command) =>
      command
        .option('--upstream', 'every stream must be comparable 要求所有数据流均可核对')
        .option('--no-upstream', 'compare the topics with the books only 仅核对主题与账目'),
    run: reconcile,
  });
}

async function reconcile(call: Call<Options>): Promise<ExitCode> {
  const { out, options } = call;
  const { proveTopics } = await import('../desk/reconcile.js');
  const proofs = await withReader(await call.config(), ({ log, codec }) =>
    proveTopics(log, codec, call.frame.signal),
  );
  const upstream = options.upstream === false ? [] : await proveUpstreams(call);
  const agree = proofs.every(({ outcome }) => outcome !== 'differs');
  const ok = agree && upstream.every(({ outcome }) => outcome !== 'differs');
  const unknown = upstream.filter(({ outcome }) => outcome === 'not-compared').length;
  const shown = upstream.map(({ marks: _, ...proof }) => proof);
  out.document({ ok, topics: proofs, ...(options.upstream === false ? {} : { upstream: shown }) });
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
  if (!ok) return EXIT.no;
  return options.upstream === true && unknown > 0 ? EXIT.upstream : EXIT.ok;
}

/** A hub at work writes between the reading of one side and the other. */
const LOOKS = 3;
const LOOK_AGAIN_MS = 500;
/** An upstream whose polls are rarer than this is not waited for. */
const POLL_MS_MAX = 30_000;

/** Until it is equal, or what differed at one look did not at the next; what differs each time differs. */
async function lookAgain(
  look: () => Promise<UpstreamProof>,
  judge: (looks: readonly UpstreamProof[]) => UpstreamProof,
  waitMs: number,
  signal: AbortSignal,
): Promise<UpstreamProof> {
  const looks = [await look()];
  for (;;) {
    const found = judge(looks);
    if (found.outcome !== 'differs' || looks.length === LOOKS) return found;
    await sleep(waitMs, undefined, { signal });
    looks.push(await look());
  }
}

async function proveUpstreams({ frame, config }: Call<Options>): Promise<UpstreamProof[]> {
  const [{ openHub }, { proveUpstream, notCompared, settled }, { askLocal }, { throughHub }] =
    await Promise.all([
      import('../run/hub.js'),
      import('../desk/reconcile-upstream.js'),
      import('../operate/local-socket.js'),
      import('../run/upstream-pages.js'),
    ]);
  const connectors = await frame.services.connectors();
  const loaded = await config();
  const isRunning = (await askLocal(loaded.dataDir, 'status')).ok;
  const hub = await openHub(loaded, { connectors, readOnly: true, once: true });
  const stop = new AbortController();
  setMaxListeners(0, frame.signal); // one for each system that is waited for
  const prove = async ({ deps, config: stream }: (typeof hub.streams)[number]): Promise<UpstreamProof> => {
    if (!isRunning) return proveUpstream(deps, frame.signal);
    const through = { ...deps, stream: throughHub(deps.stream, deps.id, loaded.dataDir) };
    return lookAgain(
      () => proveUpstream(through, frame.signal),
      settled,
      Math.min(stream.pollMs, POLL_MS_MAX) + LOOK_AGAIN_MS,
      frame.signal,
    );
  };
  try {
    hub.follow(stop.signal);
    // Systems side by side, the streams of one in turn: as it is pulled.
    const bySource = hub.sources.map(async (source) => {
      const proofs: UpstreamProof[] = [];
      for (const planned of hub.streams) {
        if (planned.config.source !== source.config.name) continue;
        // Where nobody listens the next stream would only wait for the same.
        const silent = proofs.find(({ remark }) => remark?.startsWith('CONNECTION') === true)?.remark;
        proofs.push(silent ? notCompared(planned.deps, silent) : await prove(planned));
      }
      return proofs;
    });
    return (await Promise.all(bySource)).flat();
  } finally {
    stop.abort();
    await hub.close();
  }
}

const RESULTS: Readonly<Record<UpstreamProof['outcome'], string>> = {
  equal: 'equal 一致',
  differs: 'DIFFERS 不一致',
  moving: 'moving 变动中',
  'not-compared': 'not compared 未核对',
};

function showUpstreams(out: Call<Options>['out'], proofs: readonly UpstreamProof[]): void {
  if (proofs.length === 0) return;
  out.table(
    ['stream 数据流', 'by', 'rows 行', 'refused 隔离', 'differs 不同', 'missing 缺失', 'older 已过期'].concat(
      ['records 记录', 'hash of the hub 本系统摘要', 'hash of the upstream 上游摘要', 'result 结果'],
    ),
    proofs.map((proof) => [
      `${proof.source}/${proof.stream}`,
      proof.by.join('+'),
      String(proof.rows),
      String(proof.refused),
      String(proof.differs),
      String(proof.missing),
      String(proof.older),
      `${proof.hub.count}/${proof.upstream.count}`,
      proof.hub.hash.slice(0, HASH_SHOWN),
      proof.upstream.hash.slice(0, HASH_SHOWN),
      RESULTS[proof.outcome],
    ]),
  );
  for (const { source, stream, remark, outcome, examples, upstreamCount, rows } of proofs) {
    const name = `${source}/${stream}`;
    if (remark !== null) out.line(`${name}: ${remark}`);
    if (outcome === 'moving')
      out.line(`${name}: it changed at each look, and nothing differed twice 每次核对均有新变化，无重复差异`);
    if (outcome !== 'differs') continue;
    if (upstreamCount !== null && upstreamCount !== rows)
      out.line(`${name}: it counts ${upstreamCount} itself 上游自报 ${upstreamCount}`);
    if (examples.length > 0) out.line(`${name}: ${examples.join(', ')}`);
  }
  const differ = proofs.filter(({ outcome }) => outcome === 'differs').length;
  const left = proofs.filter(({ outcome }) => outcome === 'not-compared').length;
  out.line(
    differ === 0
      ? `Upstreams and topics agree${left === 0 ? '' : `; ${left} streams not compared`}. 上游与主题一致${left === 0 ? '' : `；${left} 个数据流未核对`}。`
      : `${differ} streams DIFFER from their upstreams. ${differ} 个数据流与上游不一致！`,
  );
}

/** Characters of a hash on a terminal; the document has all. */
const HASH_SHOWN = 12;
