/**
 * Counters, gauges and histograms in the Prometheus text format 0.0.4, without a library: three shapes, no
 * default metrics, no labels that hold a person, a card or a number.
 */
export type Labels = Readonly<Record<string, string>>;

export interface Counter {
  inc(labels?: Labels, by?: number): void;
  /** The same counter with its labels fixed: no look-up on a hot path. */
  bound(labels: Labels): (by?: number) => void;
}

export interface Histogram {
  observe(value: number): void;
}

export interface Metrics {
  counter(name: string, help: string): Counter;
  /** `read` is asked at each scrape. */
  gauge(name: string, help: string, read: () => number | ReadonlyMap<string, number>, label?: string): void;
  /** Upper bounds, rising; `+Inf` is added. */
  histogram(name: string, help: string, bounds: readonly number[]): Histogram;
  /** The exposition text. */
  text(): string;
}

/** Label sets of one counter; beyond it new ones are counted under `other`. */
const LABEL_SETS_MAX = 1_000;

export function createMetrics(): Metrics {
  const writers: (() => string)[] = [];
  const head = (name: string, help: string, type: string) =>
    `# HELP ${name} ${escaped(help)}\n# TYPE ${name} ${type}\n`;
  return {
    counter(name, help) {
      const cells = new Map<string, { value: number }>();
      const cellOf = (labels: Labels): { value: number } => {
        let text = labelText(labels);
        if (!cells.has(text) && cells.size >= LABEL_SETS_MAX) text = '{other="true"}';
        let cell = cells.get(text);
        if (cell === undefined) cells.set(text, (cell = { value: 0 }));
        return cell;
      };
      writers.push(
        () => head(name, help, 'counter') + [...cells].map(([l, c]) => `${name}${l} ${c.value}\n`).join(''),
      );
      return {
        inc: (labels = {}, by = 1) => void (cellOf(labels).value += by),
        bound: (labels) => {
          const cell = cellOf(labels);
          return (by = 1) => void (cell.value += by);
        },
      };
    },
    gauge(name, help, read, label = 'id') {
      writers.push(() => {
        const value = read();
        const rows: [string, number][] =
          typeof value === 'number'
            ? [['', value]]
            : [...value].map(([key, of]) => [labelText({ [label]: key }), of]);
        return head(name, help, 'gauge') + rows.map(([l, of]) => `${name}${l} ${of}\n`).join('');
      });
    },
    histogram(name, help, bounds) {
      const counts = new Array<number>(bounds.length + 1).fill(0);
      let sum = 0;
      writers.push(() => {
        let total = 0;
        const rows = counts.map((count, i) => {
          total += count;
          return `${name}_bucket{le="${bounds[i] ?? '+Inf'}"} ${total}\n`;
        });
        return `${head(name, help, 'histogram')}${rows.join('')}${name}_sum ${sum}\n${name}_count ${total}\n`;
      });
      return {
        observe(value) {
          let i = 0;
          while (i < bounds.length && value > (bounds[i] ?? 0)) i++;
          counts[i] = (counts[i] ?? 0) + 1;
          sum += value;
        },
      };
    },
    text: () => writers.map((write) => write()).join(''),
  };
}

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value, true)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

function escaped(text: string, quotes = false): string {
  const plain = text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
  return quotes ? plain.replaceAll('"', '\\"') : plain;
}
