import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { access, readdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { ConnectorError, type ConnectorContext } from './sdk.js';

/**
 * A folder into which an upstream drops files. Watched by listing it: notifications do not cross network
 * shares. A file counts as whole when nothing of it has changed for `stableSeconds` (its own times, so one look
 * is enough), or when a marker file `<name><marker>` lies beside it.
 */
export interface FolderOptions {
  /** The block of the connector's options that these stand in: `` or `swipes.`; errors name it. */
  readonly block: string;
  readonly folder: string;
  /** File names, with `*` and `?`. */
  readonly pattern: string;
  readonly complete: 'stable' | 'marker' | 'always';
  readonly stableSeconds: number;
  readonly marker: string;
}

export interface DropFile {
  readonly name: string;
  readonly path: string;
  readonly size: number;
  /** When the export was written, epoch ms: as of which its rows are true. */
  readonly modifiedAt: number;
  /** Changes whenever the file does. */
  readonly stamp: string;
}

export interface Folder {
  readonly path: string;
  /** Where hub.yaml has an option of this folder: `sources.core.options.folder`. */
  inFile(option: string): string;
  /** Whole files in order of name (binary). @throws ConnectorError FILE */
  files(): Promise<DropFile[]>;
  /** First 128 bits of the SHA-256 of the content, in hex; kept while the file does not change. */
  digest(file: DropFile, signal: AbortSignal): Promise<string>;
  /** @throws ConnectorError FILE when it has changed since it was listed */
  verify(file: DropFile): Promise<void>;
}

const NAMES_MAX = 100_000;

export function openFolder(options: FolderOptions, context: ConnectorContext): Folder {
  const path = resolve(context.baseDir, options.folder);
  const inFile = (name: string): string => `sources.${context.source}.options.${options.block}${name}`;
  const matches = namePattern(options.pattern);
  const known = new Map<string, { stamp: string; digest: string }>();
  return {
    path,
    inFile,
    async files() {
      const names = (await listNames(path, inFile('folder'))).filter(matches).sort();
      const files: DropFile[] = [];
      for (const name of names) {
        const file = await look(path, name);
        if (file !== null && (await isWhole(file, options, context))) files.push(file);
      }
      const present = new Set(names);
      for (const name of known.keys()) if (!present.has(name)) known.delete(name);
      return files;
    },
    async digest(file, signal) {
      const before = known.get(file.name);
      if (before?.stamp === file.stamp) return before.digest;
      const hash = createHash('sha256');
      signal.throwIfAborted();
      try {
        for await (const chunk of createReadStream(file.path, { signal, highWaterMark: 1 << 20 })) {
          hash.update(chunk as Buffer);
        }
      } catch (cause) {
        signal.throwIfAborted();
        throw new ConnectorError('FILE', `${file.name} cannot be read`, 'later', { cause });
      }
      const digest = hash.digest('hex').slice(0, 32);
      known.set(file.name, { stamp: file.stamp, digest });
      return digest;
    },
    async verify(file) {
      const now = await look(path, file.name);
      if (now?.stamp !== file.stamp) {
        throw new ConnectorError('FILE', `${file.name} changed while it was read; it is read again`, 'later');
      }
    },
  };
}

/** `cards-*.csv` as a test of names. @throws ConnectorError CONFIG */
function namePattern(pattern: string): (name: string) => boolean {
  if (/[/\\]/.test(pattern)) {
    throw new ConnectorError(
      'CONFIG',
      `pattern "${pattern}" is for file names; put folders into "folder"`,
      'never',
    );
  }
  const source = pattern
    .replaceAll(/[.+^${}()|[\]]/g, '\\$&')
    .replaceAll(/\*+/g, '.*')
    .replaceAll('?', '.');
  const test = new RegExp(`^${source}$`, 'u');
  return (name) => test.test(name);
}

async function listNames(path: string, option: string): Promise<string[]> {
  let names: string[];
  try {
    names = await readdir(path);
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'error';
    const message = `expected a readable folder at ${path}, got ${code}; make it, or correct ${option} in hub.yaml`;
    throw new ConnectorError('FILE', message, 'later', { cause });
  }
  if (names.length <= NAMES_MAX) return names;
  throw new ConnectorError(
    'FILE',
    `folder ${path} holds more than ${NAMES_MAX} files; move old ones away`,
    'later',
  );
}

async function look(folder: string, name: string): Promise<DropFile | null> {
  const path = join(folder, name);
  try {
    const found = await stat(path);
    if (!found.isFile()) return null;
    const stamp = `${found.ino}:${found.size}:${found.mtimeMs}:${found.ctimeMs}`;
    return { name, path, size: found.size, modifiedAt: Math.floor(found.mtimeMs), stamp };
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw new ConnectorError('FILE', `${path} cannot be read`, 'later', { cause });
  }
}

async function isWhole(file: DropFile, options: FolderOptions, context: ConnectorContext): Promise<boolean> {
  if (options.complete === 'marker') {
    return access(file.path + options.marker).then(
      () => true,
      () => false,
    );
  }
  if (options.complete === 'always' || context.once === true) return true;
  const { mtimeMs, ctimeMs } = await stat(file.path);
  // The status time cannot be set by copying tools, so it says when the last byte came.
  return context.now() - Math.max(mtimeMs, ctimeMs) >= options.stableSeconds * 1000;
}
