import { connectors } from './index.js';
import type { ConnectorSpec, JsonSchema, StreamSpec } from './sdk.js';

/**
 * The reference page of a connector, made from its spec: so the page cannot say what the code does not do.
 */

/** Escapes what would end a table cell. */
const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');

interface Option {
  readonly path: string;
  readonly schema: JsonSchema;
  readonly required: boolean;
}

const schemaOf = (value: unknown): JsonSchema => (value ?? {}) as JsonSchema;

/** Options and their members, in the order of the schema. */
function optionsOf(schema: JsonSchema, prefix = ''): Option[] {
  const required = new Set((schema['required'] as readonly string[] | undefined) ?? []);
  return Object.entries((schema['properties'] as Record<string, JsonSchema> | undefined) ?? {}).flatMap(
    ([name, option]) => {
      const path = `${prefix}${name}`;
      const inner = option['type'] === 'array' ? schemaOf(option['items']) : option;
      const isMap = /(^|\.)(columns|constants)$/.test(path);
      const own = { path, schema: option, required: required.has(name) };
      return [own, ...(isMap ? [] : optionsOf(inner, `${path}${inner === option ? '.' : '[].'}`))];
    },
  );
}

function typeOf(schema: JsonSchema): string {
  if (Array.isArray(schema['enum'])) return schema['enum'].map((value) => `\`${String(value)}\``).join(' ');
  return typeof schema['type'] === 'string' ? schema['type'] : '';
}

function describe(path: string, schema: JsonSchema): string {
  const words = [typeof schema['description'] === 'string' ? schema['description'] : ''];
  const isMap = /(^|\.)(columns|constants)$/.test(path);
  if (isMap) words.push(`Fields: ${Object.keys(schemaOf(schema['properties'])).join(', ')}.`);
  if (schema['writeOnly'] === true) words.push('Secret: give it through the environment.');
  return words.filter((text) => text !== '').join(' ');
}

function optionRow({ path, schema, required }: Option): string {
  const byDefault = schema['default'] === undefined ? '' : `\`${JSON.stringify(schema['default'])}\``;
  const cells = [`\`${path}\``, typeOf(schema), required ? 'required' : byDefault, describe(path, schema)];
  return `| ${cells.map(cell).join(' | ')} |`;
}

function listingOf(stream: StreamSpec): string {
  if (stream.listing === null) return 'none';
  const proofs = {
    keyset: 'yes; absence is proven by keyset pages',
    'point-read': 'yes; absence is proven by asking for each absent id',
    'second-listing': 'yes; absence is proven by two complete listings in a row',
    none: 'yes; absence means nothing',
  };
  return proofs[stream.listing.absence];
}

function streamSection(stream: StreamSpec): string {
  return [
    `### \`${stream.name}\`: ${stream.title.en} ${stream.title.zh}`,
    '',
    `- Kind: ${stream.kind === 'state' ? 'things with a natural id' : 'events'}; mapped as \`${stream.maps}\``,
    `- After: ${stream.after.length === 0 ? 'nothing' : stream.after.map((name) => `\`${name}\``).join(', ')}`,
    `- Listing: ${listingOf(stream)}`,
    `- Feed of changes: ${stream.feed ? 'yes' : 'no'}`,
    `- Delivery: ${stream.delivery}`,
    `- Asked again every ${stream.pollMsDefault} ms by default`,
    '',
  ].join('\n');
}

/** Markdown page of one connector. */
export function referencePage(spec: ConnectorSpec): string {
  return [
    '<!-- Generated from the connector’s spec by `npm run generate`. Do not edit. -->',
    '',
    `# \`${spec.kind}\`: ${spec.title.en}`,
    '',
    `${spec.title.zh}`,
    '',
    spec.summary,
    '',
    '## Options',
    '',
    '| option | type | default | meaning |',
    '| --- | --- | --- | --- |',
    ...optionsOf(spec.options).map(optionRow),
    '',
    '## Streams',
    '',
    ...spec.streams.map(streamSection),
    '## Good to know',
    '',
    ...spec.quirks.map((quirk) => `- ${quirk}`),
    '',
  ].join('\n');
}

/** Markdown page that lists every connector. */
export function indexPage(specs: readonly ConnectorSpec[]): string {
  const rows = specs.map(({ kind, title, streams }) => {
    const page = `../reference/connectors/${kind.replace('/', '-')}.md`;
    const names = streams.map(({ name, listing, feed }) => {
      const how = [listing === null ? [] : ['listing'], feed ? ['feed'] : []].flat().join(', ');
      return `\`${name}\` (${how})`;
    });
    return `| [\`${kind}\`](${page}) | ${cell(title.en)}<br>${cell(title.zh)} | ${names.join(', ')} |`;
  });
  return [
    '<!-- Generated from the connectors’ specs by `npm run generate`. Do not edit. -->',
    '',
    '# Connectors 连接器',
    '',
    `${specs.length} connectors come with Cardhub. Options, guarantees and quirks of each stand on its page. How to connect a system: [connecting](../connecting.md), [databases](../databases.md). A vendor of your own: [write your own](write-your-own.md).`,
    '',
    '| connector 连接器 | system 系统 | streams 数据流 |',
    '| --- | --- | --- |',
    ...rows,
    '',
  ].join('\n');
}

/** For `scripts/generate.ts`: path in the repository → text. */
export const connectorReference = {
  name: 'connector reference',
  outputs(): ReadonlyMap<string, string> {
    const specs = Object.values(connectors).map((factory) => factory.spec);
    return new Map([
      ['docs/connectors/README.md', indexPage(specs)],
      ...specs.map((spec): [string, string] => [
        `docs/reference/connectors/${spec.kind.replace('/', '-')}.md`,
        referencePage(spec),
      ]),
    ]);
  },
};
