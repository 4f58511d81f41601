import { describe, expect, it } from 'vitest';
import { connectors } from '../../connectors/index.js';
import { loadConfigText } from './load.js';

const specs = Object.values(connectors).map(({ spec }) => spec);
const spec = (kind: string) => {
  const found = specs.find((one) => one.kind === kind);
  // The options are not what this looks at.
  return { ...found!, options: { type: 'object' } };
};

function load(banks: string) {
  const text = `version: 1
tenant: qau
sources:
  sea: { connector: bank/soap }
  core: { connector: card-core/gateway }
  power: { connector: power/cascade }
banks:
${banks}`;
  const used = ['bank/soap', 'card-core/gateway', 'power/cascade'].map(spec);
  return loadConfigText(text, '/srv/school/hub.yaml', { env: {}, specs: used });
}

describe('the banks section', () => {
  it('says whose payments belong to a bank', () => {
    const result = load(`  sea:
    loads: { source: core, channels: [BANK_APP] }
    power: [{ source: power }]
`);
    if (!result.ok) throw new Error(JSON.stringify(result.problems));
    expect(result.config.banks).toEqual([
      {
        source: 'sea',
        loads: { source: 'core', channels: ['BANK_APP'] },
        power: [{ source: 'power', paySources: ['BANK_CARD'] }],
        days: 14,
        queries: { perDay: 200, perMinute: 10 },
      },
    ]);
  });

  it.each([
    ['a bank without files', '  core: { loads: { source: core, channels: [BANK_APP] } }\n', 'banks.core'],
    ['a core that is a bank', '  sea: { loads: { source: sea, channels: [A] } }\n', 'banks.sea.loads.source'],
    ['a vendor that is none', '  sea: { power: [{ source: core }] }\n', 'banks.sea.power.0.source'],
  ])('refuses %s', (_what, banks, path) => {
    const result = load(banks);
    expect(result.ok ? [] : result.problems).toMatchObject([{ code: 'UNKNOWN_REFERENCE', path }]);
  });

  it('refuses a bank with nothing to match', () => {
    expect(load('  sea: { days: 3 }\n').ok).toBe(false);
  });
});
