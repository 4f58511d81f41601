import tseslint from 'typescript-eslint';

/**
 * What a folder may import (architecture.md, "Folders"). Data flows one way:
 * connectors → transforms → hub/log → hub/views → hub/facade. A breach fails the build.
 */
const mayNotImport = {
  contracts: ['connectors', 'transforms', 'hub', 'openapi', 'campus', 'test', 'bench', 'scripts'],
  openapi: ['connectors', 'transforms', 'hub', 'contracts', 'campus', 'test', 'bench', 'scripts'],
  connectors: ['transforms', 'hub', 'contracts', 'campus', 'test', 'bench', 'scripts'],
  transforms: ['hub', 'openapi', 'campus', 'test', 'bench', 'scripts'],
  campus: ['connectors', 'transforms', 'hub', 'contracts', 'test', 'bench', 'scripts'],
  client: ['connectors', 'transforms', 'hub', 'contracts', 'campus', 'test', 'bench', 'scripts'],
  hub: ['test', 'bench', 'scripts'],
};
/** Inside the hub: the log knows nothing above it, decisions touch no I/O, views do not answer. */
const mayNotImportInHub = {
  log: ['sync', 'views', 'decide', 'facade', 'desk', 'cli', 'operate'],
  tables: ['log', 'sync', 'views', 'decide', 'facade', 'desk', 'cli', 'operate', 'config'],
  decide: ['log', 'sync', 'views', 'facade', 'desk', 'cli', 'operate', 'config'],
  views: ['sync', 'facade', 'desk', 'cli', 'operate'],
  sync: ['views', 'decide', 'facade', 'cli'],
  facade: ['sync', 'cli', 'clients'],
  audit: ['log', 'views', 'desk', 'cli'],
  clients: ['log', 'sync', 'desk', 'cli', 'run'],
};

const restriction = (name, folders) => ({
  'no-restricted-imports': [
    'error',
    {
      patterns: folders.map((folder) => ({
        regex: `(^|/)\\.\\.?/(.*/)?${folder}/`,
        message: `${name}/ may not import ${folder}/ (architecture.md, Folders).`,
      })),
    },
  ],
});

export default tseslint.config(
  {
    ignores: [
      'dist/**',
      'node_modules/**',
      'openapi/*.d.ts',
      'contracts/types.ts',
      'data/**',
      '.cache/**',
      '**/.venv/**',
    ],
  },
  ...tseslint.configs.recommendedTypeChecked,
  {
    languageOptions: {
      parserOptions: {
        projectService: { allowDefaultProject: ['*.js', 'scripts/*.mjs', 'test/*.mjs'] },
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      'max-lines-per-function': ['error', { max: 70, skipBlankLines: true, skipComments: true }],
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/require-await': 'off',
      eqeqeq: ['error', 'smart'],
    },
  },
  {
    files: ['**/*.test.ts', '**/*.contract.ts', 'test/**'],
    rules: { 'max-lines-per-function': 'off', '@typescript-eslint/no-non-null-assertion': 'off' },
  },
  { files: ['**/*.js', '**/*.mjs'], ...tseslint.configs.disableTypeChecked },
  ...Object.entries(mayNotImport).map(([name, folders]) => ({
    files: [`${name}/**/*.ts`],
    rules: restriction(name, folders),
  })),
  ...Object.entries(mayNotImportInHub).map(([name, folders]) => ({
    files: [`hub/${name}/**/*.ts`],
    rules: restriction(`hub/${name}`, [...mayNotImport.hub, ...folders]),
  })),
);
