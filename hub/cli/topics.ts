import type { Command } from 'commander';
import { TOPICS } from '../../contracts/types.js';
import { EXIT, type ExitCode } from './exit-codes.js';
import { addCommand, addGroup, type Call, type Frame } from './frame.js';

/** `cardhub topics apply`: creates missing topics and verifies the present ones. */
export function register(program: Command, frame: Frame): void {
  const group = addGroup(program, 'topics', { en: 'The topics of the contracts.', zh: '契约中的主题。' });
  addCommand(group, frame, {
    name: 'apply',
    summary: { en: 'Create missing topics, verify the others.', zh: '创建缺失的主题并校验已有主题。' },
    examples: ['cardhub topics apply', 'cardhub topics apply --log kafka://127.0.0.1:9092'],
    more: 'Exit code 1: a topic is there with other settings. Those are reported and never changed.',
    run: apply,
  });
}

async function apply({ out, config }: Call<object>): Promise<ExitCode> {
  const { openLog } = await import('../run/open-log.js');
  const log = await openLog(await config());
  try {
    const reports = await log.applyTopics(TOPICS);
    const ok = reports.every(({ outcome }) => outcome !== 'wrong');
    out.document({ ok, topics: reports });
    out.table(
      ['topic 主题', 'result 结果', 'detail 说明'],
      reports.map(({ topic, outcome, detail }) => [topic, outcome, detail ?? '']),
    );
    return ok ? EXIT.ok : EXIT.no;
  } finally {
    await log.close();
  }
}
