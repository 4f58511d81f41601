import type { Explained } from './errors.js';
import { CONFIG_MESSAGES } from './messages.js';

/** What the command line needs of stdout and stderr. */
export interface TextSink {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

export type Colour = 'red' | 'green' | 'yellow' | 'dim' | 'bold';

export interface Progress {
  /** `total` undefined: it is not known. */
  update(done: number, total?: number): void;
  end(): void;
}

/** Where a command writes. People get text and tables; with `--json` stdout holds JSON and nothing else. */
export interface Output {
  readonly json: boolean;
  /** The command's one JSON document; does nothing without `--json`. */
  document(value: unknown): void;
  /** One JSON line, for `read` and `decide`, with or without `--json`. */
  jsonLine(value: unknown): void;
  /** Text for people; does nothing with `--json`. */
  line(text?: string): void;
  table(head: readonly string[], rows: readonly (readonly string[])[]): void;
  /** To stderr, also with `--json`. */
  note(text: string): void;
  paint(colour: Colour, text: string): string;
  /** Shows itself on a terminal (stderr) once two seconds have passed; elsewhere it is silent. */
  progress(label: string): Progress;
  error(error: Explained, configPath?: string): void;
}

const CODES: Readonly<Record<Colour, string>> = { red: '31', green: '32', yellow: '33', dim: '2', bold: '1' };
const PROGRESS_AFTER_MS = 2_000;
const PROGRESS_EVERY_MS = 200;

export interface OutputOptions {
  readonly stdout: TextSink;
  readonly stderr: TextSink;
  readonly json: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly now: () => number;
}

export function createOutput({ stdout, stderr, json, env, now }: OutputOptions): Output {
  const coloured = (sink: TextSink): boolean =>
    sink.isTTY === true && !env['NO_COLOR'] && env['TERM'] !== 'dumb';
  const paintFor = (sink: TextSink) => (colour: Colour, text: string) =>
    coloured(sink) ? `\u001b[${CODES[colour]}m${text}\u001b[0m` : text;
  const line = (text = ''): void => {
    if (!json) stdout.write(text + '\n');
  };
  return {
    json,
    document: (value) => {
      if (json) stdout.write(JSON.stringify(value) + '\n');
    },
    jsonLine: (value) => {
      stdout.write(JSON.stringify(value) + '\n');
    },
    line,
    table: (head, rows) => {
      for (const row of formatTable(head, rows)) line(row);
    },
    note: (text) => {
      stderr.write(text + '\n');
    },
    paint: paintFor(stdout),
    progress: (label) => createProgress(label, stderr, now),
    error: (error, configPath) => {
      if (json) {
        const { code, message, meaning, problems } = error;
        stdout.write(
          JSON.stringify({ error: { code, message, meaning, ...(problems && { problems }) } }) + '\n',
        );
      } else stderr.write(formatError(error, configPath, paintFor(stderr)));
    },
  };
}

/** Columns as wide as their widest cell; Chinese characters take two places on a terminal. */
export function formatTable(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = head.map((cell, index) =>
    rows.reduce((most, row) => Math.max(most, displayWidth(row[index] ?? '')), displayWidth(cell)),
  );
  return [head, ...rows].map((row) =>
    widths
      .map((width, index) => {
        const cell = row[index] ?? '';
        return cell + ' '.repeat(width - displayWidth(cell));
      })
      .join('  ')
      .trimEnd(),
  );
}

export function displayWidth(text: string): number {
  let width = 0;
  for (const character of text.replace(/\u001b\[[0-9;]*m/g, '')) {
    width += /[\p{Script=Han}\u3000-\u303f\uff01-\uff60]/u.test(character) ? 2 : 1;
  }
  return width;
}

function createProgress(label: string, stderr: TextSink, now: () => number): Progress {
  const started = now();
  let shownAt = -Infinity;
  let shown = false;
  return {
    update(done, total) {
      const time = now();
      if (stderr.isTTY !== true || time - started < PROGRESS_AFTER_MS || time - shownAt < PROGRESS_EVERY_MS)
        return;
      shownAt = time;
      shown = true;
      const part =
        total === undefined || total === 0 ? '' : ` of ${total} (${Math.floor((done / total) * 100)} %)`;
      const text = `${label}: ${done}${part}, ${Math.round((time - started) / 1000)} s`;
      stderr.write(`\r\u001b[K${text.slice(0, (stderr.columns ?? 80) - 1)}`);
    },
    end() {
      if (shown) stderr.write('\r\u001b[K');
    },
  };
}

function formatError(
  error: Explained,
  configPath: string | undefined,
  paint: (colour: Colour, text: string) => string,
): string {
  const lines = [`${paint('red', `error ${error.code}`)}: ${error.message}`];
  for (const problem of error.problems ?? []) {
    const place = problem.line === undefined ? '' : `:${problem.line}:${problem.column ?? 1}`;
    lines.push(
      `  ${paint('bold', `${configPath ?? 'hub.yaml'}${place}`)} ${problem.path}`.trimEnd(),
      `    ${problem.message} (${problem.code} ${CONFIG_MESSAGES[problem.code].zh})`,
    );
    if (problem.hint !== undefined) lines.push(`    ${paint('dim', '→')} ${problem.hint}`);
  }
  lines.push(`  ${error.meaning.en}`, `  ${error.meaning.zh}`);
  return lines.join('\n') + '\n';
}
