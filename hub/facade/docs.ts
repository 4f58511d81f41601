/** `GET /docs` and `GET /openapi.yaml`: what can be asked here, for people and for tools; served from the package. */
import { readFileSync } from 'node:fs';
import { packagePath } from '../package-root.js';

/** Nothing of the page is a script or comes from elsewhere, and a browser is told so. */
const CONTENT_SECURITY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";

export type DocsPath = '/docs' | '/openapi.yaml';

const SERVED: Readonly<Record<DocsPath, readonly [file: string, type: string]>> = {
  '/docs': ['facade.html', 'text/html; charset=utf-8'],
  '/openapi.yaml': ['facade.yaml', 'application/yaml; charset=utf-8'],
};

/** Read when it is first asked for, and kept. */
export function docs(path: DocsPath): () => Response {
  const [file, type] = SERVED[path];
  let text: string | undefined;
  return () => {
    text ??= readFileSync(packagePath('openapi', file), 'utf8');
    return new Response(text, {
      headers: {
        'content-type': type,
        'cache-control': 'max-age=300',
        'content-security-policy': CONTENT_SECURITY,
        'x-content-type-options': 'nosniff',
      },
    });
  };
}
