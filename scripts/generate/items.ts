import { readFileSync } from 'node:fs';
import { format, resolveConfig } from 'prettier';
import { parse } from 'yaml';
import { packagePath } from '../../hub/package-root.js';
import type { Generator } from './generator.js';

/** The items of the university's page, as `docs/items.yaml` has them. */
export interface Item {
  readonly n: number;
  readonly name: Text;
  readonly state: ItemState;
  /** What serves it, in words. */
  readonly how: string;
  /** What is missing, or whose it is; every state but `served` needs it. */
  readonly why?: string;
  /** `kind target`, see {@link REFERENCE_KINDS}. */
  readonly by: readonly string[];
  /** Test file → names of tests in it. */
  readonly tests: Readonly<Record<string, readonly string[]>>;
}
export type ItemState = (typeof ITEM_STATES)[number];
interface Text {
  readonly en: string;
  readonly zh: string;
}
interface ItemGroup {
  readonly title: Text;
  readonly items: readonly Item[];
}

export const ITEM_STATES = ['served', 'partly', 'later', 'outside'] as const;
/** What an entry of `by` may name. */
export const REFERENCE_KINDS = [
  ...(['topic', 'field', 'endpoint', 'code', 'option', 'setting', 'command', 'point', 'file'] as const),
] as const;
export type ReferenceKind = (typeof REFERENCE_KINDS)[number];

/** Path from the package root; `text` is what it holds. */
const SOURCE = 'docs/items.yaml';

export function readItemGroups(): readonly ItemGroup[] {
  const { groups } = parse(readFileSync(packagePath(SOURCE), 'utf8')) as { groups: readonly ItemGroup[] };
  return groups;
}

/** `topic master.card` → its two parts. Throws on a kind that there is not. */
export function referenceOf(text: string): { readonly kind: ReferenceKind; readonly target: string } {
  const [, kind = '', target = ''] = /^(\S+) (.+)$/.exec(text) ?? [];
  const known = REFERENCE_KINDS.find((each) => each === kind);
  if (known === undefined) {
    throw new Error(
      `${SOURCE}: expected one of ${REFERENCE_KINDS.join(', ')} and what it names; came ${text}`,
    );
  }
  return { kind: known, target };
}

const WORDS: Readonly<Record<ItemState, string>> = {
  served: 'served 已支持',
  partly: '**partly** 部分支持',
  later: '**later** 后续工作',
  outside: 'not the hub’s 不属本系统',
};
const POINTS = '../examples/qau/service-points.json';

function shown(text: string): string {
  const { kind, target } = referenceOf(text);
  switch (kind) {
    case 'point':
      return `[\`${target}\`](${POINTS})`;
    case 'file':
      return `[\`${target}\`](../${target})`;
    case 'command':
      return `\`cardhub ${target}\``;
    case 'option':
    case 'code':
    case 'setting':
      return `${kind} \`${target}\``;
    default:
      return `\`${target}\``;
  }
}

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');

function row(item: Item): string {
  const tests = Object.entries(item.tests).map(
    ([file, names]) => `[${file}](../${file}): ${names.map((name) => `“${name}”`).join(', ')}`,
  );
  const words = item.why === undefined ? item.how : `${item.how} **Not served:** ${item.why}`;
  const cells = [
    String(item.n),
    `${item.name.en}<br>${item.name.zh}`,
    WORDS[item.state],
    `${words}<br>${item.by.map(shown).join(', ')}`,
    tests.join('<br>'),
  ];
  return `| ${cells.map(cell).join(' | ')} |`;
}

function page(groups: readonly ItemGroup[]): string {
  const items = groups.flatMap((group) => group.items);
  const counts = ITEM_STATES.map(
    (state) => `${items.filter((item) => item.state === state).length} ${state}`,
  );
  return [
    '<!-- Generated from docs/items.yaml by `npm run generate`. Do not edit. -->',
    '',
    '# Every item of the campus-card page, and what serves it 校园一卡通页面条目对照表',
    '',
    'The university’s campus-card page (2023-07-03) names 88 systems, rules and numbers. This table says of each what in ' +
      'Cardhub serves it and which test shows it. `scripts/items.test.ts` fails when it names a topic, field, endpoint, ' +
      'code, option, command, file, entry of the reference data or test that does not exist.',
    '',
    `Of ${items.length}: ${counts.join(', ')}.`,
    '',
    ...groups.flatMap(({ title, items: own }) => [
      `## ${title.en} ${title.zh}`,
      '',
      '| # | item 条目 | state 状态 | what serves it 由何支持 | test 测试 |',
      '| --- | --- | --- | --- | --- |',
      ...own.map(row),
      '',
    ]),
  ].join('\n');
}

/** `docs/items.md` */
export const itemsGenerator: Generator = {
  name: 'table of items',
  async outputs() {
    const path = 'docs/items.md';
    const config = await resolveConfig(packagePath(path));
    return new Map([[path, await format(page(readItemGroups()), { ...config, parser: 'markdown' })]]);
  },
};
