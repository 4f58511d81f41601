import { csvText, shanghaiTime } from '../desk/propose.js';
import { EXPLANATIONS } from '../desk/shadow-explain.js';
import {
  addAgreement,
  type Agreement,
  type Segment,
  type ShadowReport,
  type ShadowRow,
} from '../desk/shadow.js';
import type { Output } from './output.js';

/** How the report was made. */
export interface ShadowFacts {
  readonly from: string;
  readonly until: string;
  readonly evidenceFrom: string;
  readonly evidenceSwipes: number;
  readonly policyVersion: string;
  readonly grants: number;
  readonly overlaid: number;
  readonly dataAge: boolean;
  readonly antiPassback: boolean;
}

const ROWS_IN_DOCUMENT = 1_000;
const ROWS_SHOWN = 20;

interface Group {
  readonly name: string;
  readonly label: string;
  readonly of: readonly Segment[];
}

const HERE: readonly Segment[] = ['KNOWN_ALLOWED_HERE', 'KNOWN_REFUSED_HERE'];
const GROUPS: readonly Group[] = [
  { name: 'known', label: 'known cards 已知卡', of: [...HERE, 'KNOWN_NOT_SEEN_HERE'] },
  { name: 'knownWithEvidence', label: '  seen at this door before 此门有记录', of: HERE },
  { name: 'knownAllowedHere', label: '    let in before 曾放行', of: ['KNOWN_ALLOWED_HERE'] },
  { name: 'knownRefusedHere', label: '    only refused before 仅被拒绝', of: ['KNOWN_REFUSED_HERE'] },
  { name: 'knownNotSeenHere', label: '  not seen here before 此门无记录', of: ['KNOWN_NOT_SEEN_HERE'] },
  { name: 'unknown', label: 'unknown cards 未知卡', of: ['UNKNOWN_CARD'] },
  { name: 'ambiguous', label: 'ambiguous numbers 重号卡', of: ['AMBIGUOUS_CARD'] },
];

const agreeing = ({ bothAllow, bothDeny }: Agreement): number => bothAllow + bothDeny;

function groupsOf({ segments }: ShadowReport): readonly (Group & { readonly sum: Agreement })[] {
  return GROUPS.map((group) => ({ ...group, sum: addAgreement(group.of.map((name) => segments[name])) }));
}

/** The JSON document; rows beyond the first thousand are in the file of `--rows`. */
export function shadowDocument(facts: ShadowFacts, report: ShadowReport): object {
  const agreement = Object.fromEntries(
    groupsOf(report).map(({ name, sum }) => [name, { ...sum, agree: agreeing(sum) }]),
  );
  return {
    ...facts,
    swipes: report.swipes,
    unstated: report.unstated,
    directionUnknown: report.directionUnknown,
    agreement,
    unknownAdmitted: report.unknownAdmitted,
    reasons: report.pairs,
    explanations: report.explanations,
    differences: report.rows.length + report.rowsDropped,
    rows: report.rows.slice(0, ROWS_IN_DOCUMENT).map(documentRow),
  };
}

function documentRow({ event, segment, decision, explanation }: ShadowRow): object {
  return {
    eventId: event.eventId,
    occurredAt: shanghaiTime(event.occurredAt),
    doorKey: event.doorKey,
    cardKey: event.cardKey,
    credentialPseudonym: event.credentialPseudonym,
    direction: event.direction,
    segment,
    granted: event.granted,
    upstreamReason: event.upstreamReason,
    decision: decision.decision,
    reason: decision.reason,
    warning: decision.warning ?? null,
    explanation: explanation.code,
    detail: explanation.detail,
  };
}

/** Every difference, for a spreadsheet: UTF-8 with its mark. */
export function rowsCsv(report: ShadowReport): string {
  const head = [
    ...['occurred_at', 'door', 'card', 'number_pseudonym', 'direction', 'access_system', 'upstream_reason'],
    ...[
      'hub',
      'hub_reason',
      'hub_warning',
      'segment',
      'explanation',
      'text',
      'text_zh',
      'detail',
      'event_id',
    ],
  ];
  const rows = report.rows.map(({ event, segment, decision, explanation }) => [
    shanghaiTime(event.occurredAt),
    event.doorKey,
    event.cardKey ?? '',
    event.credentialPseudonym ?? '',
    event.direction,
    event.granted ? 'allowed' : 'refused',
    event.upstreamReason ?? '',
    decision.decision ? 'allow' : 'deny',
    decision.reason,
    decision.warning ?? '',
    segment,
    explanation.code,
    EXPLANATIONS[explanation.code].en,
    EXPLANATIONS[explanation.code].zh,
    explanation.detail,
    event.eventId,
  ]);
  return `\uFEFF${csvText([head, ...rows])}`;
}

export function showShadow(out: Output, facts: ShadowFacts, report: ShadowReport, file?: string): void {
  out.line(
    `${facts.from} … ${facts.until}: ${report.swipes} swipes 刷卡; policy 策略 ${facts.policyVersion}; ` +
      `${facts.grants} grants 授权 (${facts.overlaid} from the file 来自文件); ` +
      `evidence from 取证自 ${facts.evidenceFrom} (${facts.evidenceSwipes} swipes)`,
  );
  out.line();
  out.table(
    [
      '',
      'swipes 刷卡',
      'agree 一致',
      '%',
      'both allow 均放行',
      'both deny 均拒绝',
      'only they allow 仅门禁放行',
      'only hub allows 仅本系统放行',
    ],
    groupsOf(report)
      .filter(({ sum }) => sum.swipes > 0)
      .map(({ label, sum }) => [
        label,
        String(sum.swipes),
        String(agreeing(sum)),
        percent(agreeing(sum), sum.swipes),
        ...[sum.bothAllow, sum.bothDeny, sum.onlyTheyAllow, sum.onlyWeAllow].map(String),
      ]),
  );
  if (report.unstated + report.directionUnknown > 0) {
    out.line(
      `Not compared 未比较: outcome not stated 结果未知 ${report.unstated}, direction unknown 方向未知 ${report.directionUnknown}`,
    );
  }
  if (report.unknownAdmitted > 0) {
    const count = report.unknownAdmitted;
    out.line(`\n${count} unknown numbers were let in at least once. 有 ${count} 个未知卡号曾被放行。`);
  }
  showDifferences(out, report);
  showRows(out, report, file);
}

function showDifferences(out: Output, report: ShadowReport): void {
  const differing = report.pairs.filter(({ agrees }) => !agrees);
  if (differing.length === 0) return out.line('\nNo difference. 没有差异。');
  out.line('\nDifferences by reason 差异原因:');
  out.table(
    ['hub reason 本系统', 'access system 门禁', 'its reason 门禁原因', 'swipes 刷卡'],
    differing.map((pair) => [
      `${pair.ourReason} (${pair.segment})`,
      pair.theyAllowed ? 'allowed 放行' : 'refused 拒绝',
      pair.upstreamReason,
      String(pair.swipes),
    ]),
  );
  out.line('\nExplained 解释:');
  for (const { code, swipes } of report.explanations) {
    out.line(`  ${String(swipes).padStart(6)}  ${code}`);
    out.line(`          ${EXPLANATIONS[code].en}`);
    out.line(`          ${EXPLANATIONS[code].zh}`);
  }
}

/** On a screen a few of each kind, so that thousands of unknown cards do not hide the others. */
function showRows(out: Output, report: ShadowReport, file: string | undefined): void {
  if (report.rows.length === 0) return;
  const shown = new Map<string, number>();
  const few = report.rows.filter(({ explanation: { code } }) => {
    const count = (shown.get(code) ?? 0) + 1;
    shown.set(code, count);
    return count <= Math.max(3, Math.floor(ROWS_SHOWN / report.explanations.length));
  });
  out.line('\nSome rows 部分明细:');
  out.table(
    ['time 时间', 'door 门', 'card 卡', 'way 方向', 'access system 门禁', 'hub 本系统', 'explanation 解释'],
    few.map(({ event, decision, explanation }) => [
      shanghaiTime(event.occurredAt).slice(0, 16),
      event.doorKey,
      event.cardKey ?? (event.credentialPseudonym ?? '').slice(0, 20),
      event.direction,
      event.granted ? 'allowed' : 'refused',
      decision.reason,
      `${explanation.code} ${explanation.detail}`.trim(),
    ]),
  );
  const total = report.rows.length + report.rowsDropped;
  if (file !== undefined) out.line(`\n${report.rows.length} of ${total} differences in ${file} 差异明细文件`);
  else if (few.length < total) out.line(`\n… of ${total}; all of them: --rows FILE. 全部明细请用 --rows。`);
}

function percent(part: number, whole: number): string {
  return whole === 0 ? '' : `${(Math.floor((part / whole) * 10_000) / 100).toFixed(2)}`;
}
