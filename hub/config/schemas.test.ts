/** Schemas are not checked when they are used, so they are checked here. */
import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect, it } from 'vitest';
import { allConnectors } from '../connectors.js';
import { POLICY_SCHEMA } from '../decide/policy-schema.js';
import { readHubSchema } from './schema-problems.js';

it('every schema of the configuration is a JSON Schema of 2020-12', async () => {
  const options = (await allConnectors()).map(({ spec }) => [spec.kind, spec.options] as const);
  const schemas = [['hub.yaml', readHubSchema()], ['policy', POLICY_SCHEMA], ...options] as const;
  for (const [name, schema] of schemas) {
    const ajv = new Ajv2020({ strict: false });
    expect([name, ajv.validateSchema(schema), ajv.errors ?? []]).toEqual([name, true, []]);
  }
});
