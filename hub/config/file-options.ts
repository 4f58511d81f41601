import { basename, dirname, relative } from 'node:path';
import type { FileGuess } from './guess-file.js';

/** Options of the file connectors, and `mapping`, for one export file. */
export function fileOptions(
  path: string,
  guess: FileGuess,
  baseDir: string,
): { options: Record<string, unknown>; mapping?: Record<string, unknown> } {
  const folder = relative(baseDir, dirname(path));
  return {
    options: {
      folder: folder === '' ? '.' : folder,
      pattern: basename(path),
      encoding: guess.encoding,
      delimiter: guess.delimiter,
      columns: guess.columns,
    },
  };
}
