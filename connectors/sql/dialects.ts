import type { Dialect, DialectName } from './dialect.js';
import { mysql } from './mysql.js';
import { oracle } from './oracle.js';
import { postgresql } from './postgresql.js';
import { sqlserver } from './sqlserver.js';

const dialects: Readonly<Record<DialectName, Dialect>> = { postgresql, mysql, oracle, sqlserver };

export function dialectOf(name: DialectName): Dialect {
  return dialects[name];
}
