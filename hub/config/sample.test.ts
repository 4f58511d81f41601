import { expect, it } from 'vitest';
import { connectors } from '../../connectors/index.js';
import { loadConfigText } from './load.js';
import { sampleYaml } from './sample.js';

const specs = Object.values(connectors).map(({ spec }) => spec);

it.each(specs.map((spec) => [spec.kind, spec] as const))(
  'the sample of %s loads, but for the variables that are still to be set',
  (_, spec) => {
    const { yaml, variables } = sampleYaml('qau', [{ name: 'one', spec, options: {} }]);
    const result = loadConfigText(yaml, '/etc/cardhub/hub.yaml', { env: {}, specs });
    const problems = result.ok ? [] : result.problems.filter(({ code }) => code !== 'ENV_MISSING');
    expect(problems).toEqual([]);
    const env = Object.fromEntries(variables.map((name) => [name, 'x'.repeat(48)]));
    const set = loadConfigText(yaml, '/etc/cardhub/hub.yaml', { env, specs });
    expect(set.ok ? [] : set.problems.filter(({ code }) => code === 'ENV_MISSING')).toEqual([]);
  },
);
