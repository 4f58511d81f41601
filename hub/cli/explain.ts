import type { Command } from 'commander';
import type { Config } from '../config/types.js';
import type { ExplainParts } from '../facade/explain.js';
import { CliError } from './errors.js';
import { EXIT, type ExitCode } from './exit-codes.js';
import { addCommand, addGroup, type Call, type Frame } from './frame.js';

/** Facts that are records of a source; the others are what was asked, and what the policy says. */
const HAS_VERSION: ReadonlySet<string> = new Set([
  ...(['card', 'person', 'door', 'grant', 'locker', 'classroom'] as const),
]);
/** Doors, too, but no decision looks at the age of theirs. */
const HAS_AGE: ReadonlySet<string> = new Set(['card', 'person', 'grant', 'locker', 'classroom']);

/** `cardhub explain decision <id>`: a decision of the past, rebuilt from its facts and the policy of then. */
export function register(program: Command, frame: Frame): void {
  const group = addGroup(program, 'explain', { en: 'Why was it so?', zh: '解释过去的判定。' });
  addCommand(group, frame, {
    name: 'decision <id>',
    summary: {
      en: 'Rebuild a decision: its facts, the questions in order, which one decided.',
      zh: '重建一次判定：依据、逐条规则、起决定作用的规则。',
    },
    examples: ['cardhub explain decision 019a2f0e-7c1d-7b3a-9c55-0f6d2e8b1a47'],
    more:
      'The recorded facts are put through the policy version of that moment. Exit code 1: the rebuilt answer is\n' +
      'not the recorded one, or the policy is not on the log. 重建结果与记录不一致时退出码为 1。',
    run: explain,
  });
}

async function explain({ args, out, config }: Call<object>): Promise<ExitCode> {
  const id = args[0] ?? '';
  const [{ isDecisionId, explainDecision, explanationDocument, decisiveStep }, { CODES }] = await Promise.all(
    [import('../facade/explain.js'), import('../../contracts/codes.js')],
  );
  if (!isDecisionId(id)) throw new CliError('USAGE', 'expected the UUIDv7 of a decision');
  const found = await (await open(await config()))((parts) => explainDecision(parts, id));
  if (found === undefined) throw new CliError('INPUT', `no decision ${id} is on the log`);
  const { record, rebuilt } = found;
  out.document(explanationDocument(found));
  const text = (code: string | null | undefined): string => {
    const entry = CODES['decision-reasons'].find((one) => one.code === code);
    return entry === undefined ? (code ?? '') : `${entry.code}  ${entry.en} ${entry.zh}`;
  };
  out.line(`${record.decisionId}  ${new Date(record.decidedAt).toISOString()}  ${record.replica}`);
  out.line(`${record.purpose} ${record.action}  ${record.subjectRef ?? ''} → ${record.resourceKey ?? ''}`);
  out.line(
    `${record.decision ? 'ALLOW 允许' : 'DENY 拒绝'}  ${text(record.reason)}  policy ${record.policyVersion}`,
  );
  out.table(
    ['fact 依据', 'key 键', 'version 版本', 'source 来源', 'age 时延 ms', 'values 内容'],
    record.facts.map(({ kind, key, version, source, ageMs, values }) => [
      kind,
      key,
      // Sources that give no version are told apart from those whose first version it is.
      version > 0 ? String(version) : HAS_VERSION.has(kind) ? 'none given 无' : '',
      source,
      ageMs !== null ? String(ageMs) : HAS_AGE.has(kind) ? 'not known 未知' : '',
      values ?? '',
    ]),
  );
  if (rebuilt === undefined) {
    out.line('The policy of that moment is not on the log: nothing to rebuild with. 日志中没有当时的策略。');
    return EXIT.no;
  }
  const decisive = decisiveStep(rebuilt);
  out.table(
    ['', 'question 规则', 'outcome 结果', 'on 对象', 'reason 原因'],
    rebuilt.trace.map(({ step, outcome, on, reason, detail }, i) => [
      i === decisive ? '▶' : '',
      step,
      outcome,
      on ?? '',
      reason === undefined ? (detail ?? '') : text(reason),
    ]),
  );
  const equal = rebuilt.differences.length === 0;
  out.line(equal ? 'Rebuilt: the same answer. 重建结果一致。' : `Rebuilt: ${rebuilt.differences.join('; ')}`);
  return equal ? EXIT.ok : EXIT.no;
}

async function open(config: Config) {
  const [{ openLog }, { openCodecs }, { openKeys }, { explainParts }] = await Promise.all([
    import('../run/open-log.js'),
    import('../run/codec.js'),
    import('../run/keys.js'),
    import('../run/explain-parts.js'),
  ]);
  return async <T>(use: (parts: ExplainParts) => Promise<T>): Promise<T> => {
    const log = await openLog(config, { readOnly: true });
    try {
      const keys = openKeys(config, Date.now);
      return await use(explainParts({ log, codecs: openCodecs(), config, keys }));
    } finally {
      await log.close();
    }
  };
}
