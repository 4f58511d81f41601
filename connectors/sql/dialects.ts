import { ConnectorError } from '../sdk.js';
import type { Dialect, DialectName } from './dialect.js';
import { postgresql } from './postgresql.js';

const dialects: Readonly<Partial<Record<DialectName, Dialect>>> = { postgresql };

export function dialectOf(name: DialectName): Dialect {
  const dialect = dialects[name];
  if (dialect !== undefined) return dialect;
  throw new ConnectorError(
    'CONFIG',
    `option dialect: expected one of ${Object.keys(dialects).join(', ')}`,
    'never',
  );
}
