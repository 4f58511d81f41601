import { describe, expect, it } from 'vitest';
import { readDocument } from './document.js';
import { checkProfiles } from './profile-references.js';

const problemsOf = (mapping: string, credential = 'core-hex') =>
  checkProfiles(
    readDocument(
      `readers: { profiles: { core-hex: {} } }
sources:
  core: { options: { credentials: [{ column: no, profile: ${credential} }] } }
  gate: { mapping: ${mapping} }
`,
      {},
    ),
  ).map(({ path, message, hint, line }) => ({ path, message, hint, line }));

describe('what a source names', () => {
  it('exists: profiles of readers, sources of cards and people', () => {
    expect(problemsOf('{ cardSource: core, personSource: core }')).toEqual([]);
  });

  it('is a problem where no source has that name: its swipes would all be by unknown cards', () => {
    expect(problemsOf('{ cardSource: cor, personSource: 7 }')).toEqual([
      {
        path: 'sources.gate.mapping.cardSource',
        message: 'expected the name of a source here; "cor" is none of: core, gate',
        hint: 'did you mean "core"?',
        line: 4,
      },
    ]);
  });

  it('is a problem where no reader has that profile', () => {
    expect(problemsOf('{}', 'core-hx')).toMatchObject([
      { path: 'sources.core.options.credentials.0.profile', hint: 'did you mean "core-hex"?', line: 3 },
    ]);
  });
});
