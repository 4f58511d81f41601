import type { Command } from 'commander';
import { EXIT, type ExitCode } from './exit-codes.js';
import { addCommand, type Call, type Frame } from './frame.js';
import { withReader } from './open-reader.js';

/** `cardhub reconcile`: the topics against the books. */
export function register(program: Command, frame: Frame): void {
  addCommand(program, frame, {
    name: 'reconcile',
    summary: { en: 'Prove the topics against the books.', zh: '核对主题内容与账目。' },
    examples: ['cardhub reconcile', 'cardhub reconcile --json'],
    more:
      'Reads every record, sums their digests, and compares with what the positions say was published.\n' +
      'Exit code 1: a topic differs. `expired`: retention has taken the oldest events.',
    run: reconcile,
  });
}

async function reconcile({ out, config }: Call<object>): Promise<ExitCode> {
  const { proveTopics } = await import('../desk/reconcile.js');
  const proofs = await withReader(await config(), ({ log, codec }) => proveTopics(log, codec));
  const ok = proofs.every(({ outcome }) => outcome !== 'differs');
  out.document({ ok, topics: proofs });
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
  out.line(ok ? 'Topics and books agree. 主题与账目一致。' : 'Topics and books DIFFER. 主题与账目不一致！');
  return ok ? EXIT.ok : EXIT.no;
}
