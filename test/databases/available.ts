import { describe, test } from 'vitest';
import { mariadbProgram } from './mariadb.js';
import { postgresqlFolder } from './postgresql.js';

const REASON: Readonly<Record<'PostgreSQL' | 'MariaDB', () => string | undefined>> = {
  PostgreSQL: () =>
    postgresqlFolder() === undefined ? 'no `postgres` and `initdb` on this machine' : undefined,
  MariaDB: () =>
    mariadbProgram() === undefined ? 'no `mariadbd` and `mariadb-install-db` on this machine' : undefined,
};

/**
 * A suite that needs a database server. Without one it is skipped and says so; in CI (`CI` set) it fails instead,
 * since a proof that nobody ran is not one.
 */
export function describeDatabase(server: keyof typeof REASON, name: string, suite: () => void): void {
  const reason = REASON[server]();
  if (reason === undefined) {
    describe(name, suite);
    return;
  }
  if (process.env['CI']) {
    describe(name, () => {
      test(`needs ${server}, which CI must have`, () => {
        throw new Error(`No ${server}: ${reason}`);
      });
    });
    return;
  }
  process.stderr.write(`\nSKIPPED, no ${server} (${reason}): ${name}\n`);
  describe.skip(`${name} (SKIPPED: no ${server}, ${reason})`, suite);
}
