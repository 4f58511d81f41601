/** The `banks` section of hub.yaml: which card core and which power vendors belong to which bank. */
import type { ConnectorSpec } from '../../connectors/sdk.js';
import type { SourceDocument } from './document.js';
import { asBlock, checkReference } from './refer.js';
import type { BankConfig, ConfigProblem } from './types.js';

/** As hub.schema.json has accepted it and filled its defaults in. */
export type RawBanks = Readonly<
  Record<string, Pick<BankConfig, 'days' | 'queries'> & Partial<Pick<BankConfig, 'loads' | 'power'>>>
>;

export function buildBanks(raw: RawBanks): BankConfig[] {
  return Object.entries(raw).map(([source, { loads, power, days, queries }]) => ({
    ...{ source, loads, power: power ?? [], days, queries },
  }));
}

/** Every source that the section names must have a stream with the book that is meant, switched on. */
export function checkBanks(document: SourceDocument, specs: readonly ConnectorSpec[]): ConfigProblem[] {
  const data = asBlock(document.data);
  const problems: ConfigProblem[] = [];
  const having = (maps: string): string[] =>
    Object.entries(asBlock(data['sources'])).flatMap(([name, block]) => {
      const spec = specs.find(({ kind }) => kind === asBlock(block)['connector']);
      const stream = spec?.streams.find((one) => one.maps === maps);
      const given = asBlock(asBlock(asBlock(block)['streams'])[stream?.name ?? '']);
      return stream === undefined || given['enabled'] === false ? [] : [name];
    });
  const refer = (path: readonly string[], name: unknown, maps: string, what: string, key = false): void => {
    const at = key ? 'key' : 'value';
    const expected = `the name of a source with ${what}`;
    problems.push(...checkReference(document, { path, name, known: having(maps), what: expected, at }));
  };
  for (const [bank, block] of Object.entries(asBlock(data['banks']))) {
    refer(['banks', bank], bank, 'bank-recon', 'reconciliation files', true);
    const { loads, power } = asBlock(block);
    refer(['banks', bank, 'loads', 'source'], asBlock(loads)['source'], 'top-up', 'top-ups');
    for (const [index, vendor] of (Array.isArray(power) ? power : []).entries()) {
      const path = ['banks', bank, 'power', String(index), 'source'];
      refer(path, asBlock(vendor)['source'], 'power-purchase', 'orders for electricity');
    }
  }
  return problems;
}
