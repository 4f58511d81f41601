import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { TOPICS } from '../contracts/types.js';
import type { Frame } from '../hub/cli/frame.js';
import { runCli } from '../hub/cli/program.js';
import { services } from '../hub/cli/services.js';
import { packagePath } from '../hub/package-root.js';

/*
 * The pages that people read say what is there: links resolve, commands and their options exist, and the
 * Chinese README has the same parts as the English one.
 */

const ROOT = packagePath('.');

/** Markdown pages that people write; generated ones are checked by their generators. */
const PAGES = [
  'README.md',
  'README.zh-CN.md',
  'campus/README.md',
  'examples/clients/README.md',
  'examples/consumers/README.md',
  'examples/controller/README.md',
  ...markdownIn('docs'),
];

function markdownIn(folder: string): string[] {
  return readdirSync(packagePath(folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.md'))
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)));
}

const text = (page: string): string => readFileSync(packagePath(page), 'utf8');

/** GitHub's anchor of a heading. */
function anchor(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/`/g, '')
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replace(/\s/g, '-');
}

function headings(markdown: string): string[] {
  const prose = markdown.replace(/^```[\s\S]*?^```/gm, '');
  return [...prose.matchAll(/^#{1,6} (.+)$/gm)].map((match) => match[1] ?? '');
}

/** What is wrong with a relative link; undefined: it resolves. */
function brokenLink(page: string, target: string): string | undefined {
  const [path = '', fragment] = target.split('#');
  const file = path === '' ? packagePath(page) : packagePath(dirname(page), decodeURI(path));
  if (!existsSync(file)) return `${page}: no file ${target}`;
  if (fragment === undefined || !file.endsWith('.md')) return undefined;
  const anchors = headings(readFileSync(file, 'utf8')).map(anchor);
  return anchors.includes(fragment) ? undefined : `${page}: no heading for ${target}`;
}

async function help(...command: string[]): Promise<string> {
  let said = '';
  const sink = { write: (more: string) => ((said += more), true), isTTY: false };
  const frame = {
    env: {},
    cwd: ROOT,
    stdin: [] as unknown as Frame['stdin'],
    stdout: sink,
    stderr: sink,
    now: () => 0,
    random: () => 0,
    signal: new AbortController().signal,
    services,
  } as unknown as Frame;
  await runCli([...command, '--help'], frame, '0.0.0');
  return said;
}

/** Names below `Commands:` in a help text. */
function subcommands(helpText: string): string[] {
  const [, list = ''] = /^Commands:\n((?: {2}.*\n?)+)/m.exec(helpText) ?? [];
  return [...list.matchAll(/^ {2}(\w[\w-]*)/gm)]
    .map((match) => match[1] ?? '')
    .filter((name) => name !== 'help');
}

/** Every command with its help text, by its words: `quarantine list`. */
async function commands(): Promise<Map<string, string>> {
  const known = new Map<string, string>();
  for (const name of subcommands(await help())) {
    const own = await help(name);
    known.set(name, own);
    for (const sub of subcommands(own)) known.set(`${name} ${sub}`, await help(name, sub));
  }
  return known;
}

/** Calls of `cardhub` in code, inline or in blocks: the words after it, up to what ends a command. */
function calls(markdown: string): string[][] {
  const code = [...markdown.matchAll(/^```[\s\S]*?^```|`[^`\n]+`/gm)].map(([found]) => found);
  return code
    .flatMap((piece) => [...piece.matchAll(/(?:^|[\s`])cardhub ((?:[a-z-][^\n#|&;`]*)?)/gm)])
    .map((match) => (match[1] ?? '').trim().split(/\s+/))
    .filter(([first = '']) => /^[a-z]/.test(first));
}

function wrongCall(page: string, words: readonly string[], known: ReadonlyMap<string, string>): string[] {
  const [first = '', second = ''] = words;
  // `quarantine list|show|replay` and `decide()` are ways to speak of a command.
  const name = known.has(`${first} ${second}`) ? `${first} ${second}` : first;
  const found = known.get(name);
  const called = `${page}: cardhub ${words.join(' ')}`;
  if (found === undefined) return [`${called}: no such command`];
  const isGroup = subcommands(found).length > 0;
  if (isGroup && second !== '') return [`${called}: no such command`];
  return words
    .filter((word) => /^--?[a-z]/i.test(word))
    .filter((option) => !new RegExp(`(^|[\\s,])${option}[\\s,]`, 'm').test(found))
    .map((option) => `${called}: no option ${option}`);
}

describe('the documentation', () => {
  it('has only links that resolve', () => {
    const broken = PAGES.flatMap((page) => {
      const links = [...text(page).matchAll(/\]\((?!https?:|mailto:)([^)\s]+)\)/g)];
      return links.flatMap((match) => brokenLink(page, match[1] ?? '') ?? []);
    });
    expect(broken).toEqual([]);
  });

  it('names only commands and options that the command line has', async () => {
    const known = await commands();
    expect([...known.keys()]).toContain('topics apply');
    const wrong = PAGES.flatMap((page) =>
      calls(text(page)).flatMap((words) => wrongCall(page, words, known)),
    );
    expect(wrong).toEqual([]);
  });

  it('names only scripts that package.json has', () => {
    const { scripts } = JSON.parse(text('package.json')) as { scripts: Record<string, string> };
    const wrong = PAGES.flatMap((page) =>
      [...text(page).matchAll(/npm run ([\w:-]+)/g)]
        .filter((match) => !(match[1] !== undefined && match[1] in scripts))
        .map(([found]) => `${page}: ${found}`),
    );
    expect(wrong).toEqual([]);
  });

  it('has the same parts and the same code in the Chinese README as in the English one', () => {
    const [english, chinese] = [text('README.md'), text('README.zh-CN.md')];
    const levels = (page: string): string[] =>
      [...page.replace(/^```[\s\S]*?^```/gm, '').matchAll(/^(#+) /gm)].map((match) => match[1] ?? '');
    expect(levels(chinese)).toEqual(levels(english));
    const shell = (page: string): string[] =>
      [...page.matchAll(/^```sh\n([\s\S]*?)^```/gm)].map((match) =>
        (match[1] ?? '').replace(/\s+#.*$/gm, ''),
      );
    expect(shell(chinese)).toEqual(shell(english));
    const blocks = (page: string): number => [...page.matchAll(/^```/gm)].length;
    expect(blocks(chinese)).toBe(blocks(english));
    const targets = (page: string): string[] =>
      [...page.matchAll(/\]\(([^)]+)\)/g)].map((match) => match[1] ?? '').filter((to) => !/^README/.test(to));
    expect(targets(chinese)).toEqual(targets(english));
  });

  it('says of every direct dependency why it is there', () => {
    const { dependencies, devDependencies } = JSON.parse(text('package.json')) as Record<
      'dependencies' | 'devDependencies',
      Record<string, string>
    >;
    const direct = Object.keys({ ...dependencies, ...devDependencies });
    const page = text('docs/dependencies.md');
    const rows = [...page.matchAll(/^\| ([@\w/-]+) +\| \d/gm)].map((match) => match[1] ?? '');
    const listed = [...rows, ...[...page.matchAll(/^- \*\*([^*]+)\*\*/gm)].map((match) => match[1] ?? '')];
    expect(direct.filter((name) => !listed.includes(name))).toEqual([]);
    expect(rows.filter((name) => !direct.includes(name))).toEqual([]);
  });
});

describe('the page for consumers', () => {
  it('names every topic that may be shared', () => {
    const shared = TOPICS.map(({ name }) => name).filter((name) => name.startsWith('master.'));
    const page = text('docs/consumers.md');
    expect(shared.filter((name) => !page.includes(`| \`${name}\``))).toEqual([]);
  });
});
