import { expect, it } from 'vitest';
import { connectors } from './index.js';
import { connectorReference } from './reference.js';

it('the reference of a connector names every option, stream and quirk of its spec', () => {
  const pages = connectorReference.outputs();
  const paths = Object.keys(connectors).map((kind) => kind.replace('/', '-'));
  const own = paths.map((path) => `docs/reference/connectors/${path}.md`);
  expect([...pages.keys()]).toEqual(['docs/connectors/README.md', ...own]);
  const index = pages.get('docs/connectors/README.md') ?? '';
  for (const path of paths) expect(index).toContain(`(../reference/connectors/${path}.md)`);
  expect(paths).toContain('access-control-rest');
  const files = pages.get('docs/reference/connectors/access-control-files.md') ?? '';
  for (const text of ['`swipes.address.pattern`', '门禁系统：导出文件', '`swipes.key`', '## Good to know']) {
    expect(files).toContain(text);
  }
  expect(pages.get('docs/reference/connectors/card-core-gateway.md')).toContain('Secret: give it through');
});
