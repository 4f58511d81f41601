/** A server's certificate and key in PEM files, read again when they change: renewing one needs no restart. */
import { X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { createSecureContext } from 'node:tls';

export interface TlsPaths {
  readonly certFile: string;
  readonly keyFile: string;
  /** Authority of clients' certificates. */
  readonly caFile?: string | undefined;
}

export interface TlsPem {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly ca?: Buffer;
}

/** The files are looked at this often. */
const LOOK_EVERY_MS = 10_000;

export class TlsFilesError extends Error {
  override readonly name = 'TlsFilesError';
  readonly code = 'TLS_FILES';
  readonly retry = 'never';
}

export class TlsFiles {
  private stamp: string;
  private loaded: { readonly pem: TlsPem; readonly certificate: X509Certificate };

  /** @throws TlsFilesError */
  constructor(private readonly paths: TlsPaths) {
    this.stamp = this.stampNow();
    this.loaded = this.load();
  }

  get pem(): TlsPem {
    return this.loaded.pem;
  }

  /** When the certificate in use ends, epoch ms. */
  get expiresAt(): number {
    return Date.parse(this.loaded.certificate.validTo);
  }

  /**
   * Calls `apply` after each change of the files. Files that do not fit together (a certificate that is renewed
   * before its key) change nothing: they are looked at again.
   * @returns stops it
   */
  watch(
    apply: (pem: TlsPem) => void,
    onProblem: (error: unknown) => void,
    everyMs = LOOK_EVERY_MS,
  ): () => void {
    let failed = '';
    const timer = setInterval(() => {
      const now = this.stampNow();
      if (now === this.stamp) return;
      try {
        const loaded = this.load();
        apply(loaded.pem);
        this.loaded = loaded;
        this.stamp = now;
      } catch (error) {
        if (failed !== now) onProblem(error); // once for each state of the files
        failed = now;
      }
    }, everyMs);
    timer.unref();
    return () => clearInterval(timer);
  }

  private load(): { pem: TlsPem; certificate: X509Certificate } {
    const { certFile, keyFile, caFile } = this.paths;
    try {
      const cert = readFileSync(certFile);
      const key = readFileSync(keyFile);
      const pem = { cert, key, ...(caFile === undefined ? {} : { ca: readFileSync(caFile) }) };
      createSecureContext(pem); // throws where the key is another certificate's
      return { pem, certificate: new X509Certificate(cert) };
    } catch (cause) {
      const why = (cause as NodeJS.ErrnoException).code ?? 'they cannot be read as such';
      throw new TlsFilesError(
        `expected a certificate and its key as PEM in ${certFile} and ${keyFile}, came ${why}`,
        { cause },
      );
    }
  }

  private stampNow(): string {
    return Object.values(this.paths)
      .map((file: string | undefined) => {
        try {
          const found = file === undefined ? undefined : statSync(file);
          return found === undefined ? '' : `${found.mtimeMs} ${found.size} ${found.ino}`;
        } catch {
          return 'gone';
        }
      })
      .join();
  }
}
