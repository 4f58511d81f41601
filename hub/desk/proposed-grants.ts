import { Ajv2020 } from 'ajv/dist/2020.js';
import { accessFiles } from '../../connectors/access-control/files.js';
import { grantRowSchema } from '../../connectors/access-control/rows.js';
import type { Cursor } from '../../connectors/sdk.js';
import type { AccessGrant } from '../../contracts/types.js';
import { mapGrant } from '../../transforms/grant.js';
import type { MapContext } from '../../transforms/outcome.js';

export interface ProposedGrantsFile {
  readonly folder: string;
  readonly name: string;
  /** Access-control instance that the grants will belong to. */
  readonly source: string;
  /** Its mapping options in hub.yaml. */
  readonly mapping: Readonly<Record<string, unknown>>;
  readonly now: () => number;
  readonly random: () => number;
  readonly signal: AbortSignal;
}

/**
 * Reads a reviewed file by the very connector and mapping that would publish it, so that shadow mode judges
 * what the hub would grant. `refused`: what would go to quarantine, with the row's id.
 */
export async function readProposedGrants(
  file: ProposedGrantsFile,
): Promise<{ grants: AccessGrant[]; refused: string[] }> {
  const validate = new Ajv2020({ strict: false }).compile(grantRowSchema);
  const connector = accessFiles.open(
    { grants: { folder: file.folder, pattern: file.name, complete: 'always' } },
    { ...file, baseDir: file.folder, once: true, note: () => undefined },
  );
  const grants: AccessGrant[] = [];
  const refused: string[] = [];
  try {
    const stream = connector.stream('grants');
    let cursor: Cursor | null = null;
    for (let end = false; !end;) {
      const page = await stream.snapshotPage(cursor, file.signal);
      const context = mapContext(file, page.asOf);
      for (const row of page.rows) {
        const mapped =
          row.damage === undefined && validate(row.data) ? mapGrant(row.data as never, context) : undefined;
        if (mapped?.kind === 'records') {
          for (const { value } of mapped.records) grants.push(value as AccessGrant);
        } else {
          const why = row.damage ?? mapped ?? { path: validate.errors?.[0]?.instancePath ?? '' };
          const detail = 'detail' in why ? why.detail : (validate.errors?.[0]?.message ?? 'wrong shape');
          refused.push(`row ${row.id}, ${why.path}: ${detail}`);
        }
      }
      cursor = page.next;
      end = page.state === 'end';
    }
  } finally {
    await connector.close();
  }
  return { grants, refused };
}

/** Grants look nothing up. */
function mapContext({ source, mapping }: ProposedGrantsFile, asOf: number): MapContext {
  const none = (): never => {
    throw new Error('a grant looks nothing up');
  };
  return {
    source,
    asOf,
    profile: mapping,
    pseudonym: none,
    cardsByCredential: none,
    seenBefore: none,
    doorKnown: none,
    roomOf: none,
    readerProfile: () => undefined,
  };
}
