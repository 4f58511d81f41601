import { expect, it } from 'vitest';
import { connectorReference } from './reference.js';

it('the reference of a connector names every option, stream and quirk of its spec', () => {
  const pages = connectorReference.outputs();
  expect([...pages.keys()]).toEqual([
    'docs/reference/connectors/card-core-gateway.md',
    'docs/reference/connectors/card-core-files.md',
    'docs/reference/connectors/access-control-rest.md',
    'docs/reference/connectors/access-control-files.md',
  ]);
  const files = pages.get('docs/reference/connectors/access-control-files.md') ?? '';
  for (const text of ['`swipes.address.pattern`', '门禁系统：导出文件', '`swipes.key`', '## Good to know']) {
    expect(files).toContain(text);
  }
  expect(pages.get('docs/reference/connectors/card-core-gateway.md')).toContain('Secret: give it through');
});
