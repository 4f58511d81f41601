import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { docs } from './docs.js';

it('serves a page that names every path and needs nothing from elsewhere', async () => {
  const page = await docs('/docs')().text();
  const document = parse(await docs('/openapi.yaml')().text()) as { paths: Record<string, object> };
  for (const path of Object.keys(document.paths)) expect(page).toContain(`<code>${path}</code>`);
  expect(page).not.toMatch(/<script|<link|<img|(src|href)="(https?:)?\/\//);
});
