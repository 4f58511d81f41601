import { stringify } from 'yaml';
import type { ConnectorSpec, JsonSchema } from '../../connectors/sdk.js';
import { isSecretPath } from './schema-walk.js';

export interface SampleSource {
  readonly name: string;
  readonly spec: ConnectorSpec;
  /** Options that are known already; they stand above the schema's defaults and examples. */
  readonly options: Readonly<Record<string, unknown>>;
  /** `mapping`, where something is known for it. */
  readonly mapping?: Readonly<Record<string, unknown>>;
  readonly streams?: Readonly<Record<string, unknown>>;
  /** Remarks to stand above the source. */
  readonly notes?: readonly string[];
}

export interface Sample {
  readonly yaml: string;
  /** Environment variables that must be set before the file loads. */
  readonly variables: readonly string[];
}

/** hub.yaml for these sources, every option with its description; optional ones are commented out. */
export function sampleYaml(tenant: string, sources: readonly SampleSource[]): Sample {
  const variables: string[] = [];
  const lines = [
    '# Configuration of Cardhub. ${NAME} is replaced by the environment variable, ${NAME:-text} has a default.',
    '# Cardhub 配置文件。${NAME} 取自环境变量，${NAME:-文本} 带默认值。密钥请放在环境变量中。',
    'version: 1',
    `tenant: ${JSON.stringify(tenant)}`,
    '',
    '# Folder of the embedded log and of the keys; the environment variable CARDHUB_DATA overrides it.',
    'data: ./data',
    '',
    "# log: { engine: kafka, brokers: ['kafka-1:9092'], prefix: '' }",
    '',
    'secrets:',
    '  # Makes the pseudonyms; empty: a key file is made in the data folder. Never change it later.',
    "  pseudonymKey: '${CARDHUB_PSEUDONYM_KEY:-}'",
    '',
    'facade: { host: 127.0.0.1, port: 8080 }',
    '',
    'sources:',
  ];
  for (const source of sources) lines.push(...sourceLines(source, variables));
  return { yaml: lines.join('\n') + '\n', variables };
}

function sourceLines(source: SampleSource, variables: string[]): string[] {
  const { spec } = source;
  const lines = [...(source.notes ?? []).map((note) => `  # ${note}`), `  ${source.name}:`];
  lines.push(`    # ${spec.title.en} ${spec.title.zh}`, `    connector: ${spec.kind}`);
  const options = optionLines(source, variables);
  lines.push(options.some((line) => !line.trimStart().startsWith('#')) ? '    options:' : '    options: {}');
  lines.push(...options);
  if (source.mapping !== undefined) lines.push(...block('mapping', source.mapping, 4));
  if (source.streams !== undefined) lines.push(...block('streams', source.streams, 4));
  lines.push('    # streams:');
  for (const stream of spec.streams) {
    lines.push(`    #   ${stream.name}: { poll: ${Math.max(1, Math.round(stream.pollMsDefault / 1000))}s }`);
  }
  return lines;
}

function optionLines(source: SampleSource, variables: string[]): string[] {
  const schema = source.spec.options;
  const properties = (schema['properties'] ?? {}) as Record<string, JsonSchema>;
  const required = neededOf(schema);
  const lines: string[] = [];
  for (const [name, property] of Object.entries(properties)) {
    if (typeof property['description'] === 'string')
      lines.push(`      # ${oneLine(property['description'])}`);
    const given = source.options[name];
    const secret = isSecretPath(schema, [name]) && takesText(property);
    if (given === undefined && !required.includes(name)) {
      const shown = secret ? `\${${variableName(source.name, name)}}` : exampleOf(property);
      lines.push(...block(name, shown, 6).map((line) => `      # ${line.slice(6)}`));
    } else if (given === undefined && secret) {
      const variable = variableName(source.name, name);
      variables.push(variable);
      lines.push(`      ${name}: '\${${variable}}'`);
    } else lines.push(...block(name, given ?? exampleOf(property), 6));
  }
  return lines;
}

function takesText(schema: JsonSchema): boolean {
  return schema['type'] === undefined || schema['type'] === 'string';
}

/** `core`, `appKey` → `CORE_APP_KEY`. */
function variableName(source: string, option: string): string {
  return `${source}_${option.replace(/([a-z0-9])([A-Z])/g, '$1_$2')}`
    .replace(/[^A-Za-z0-9]/g, '_')
    .toUpperCase();
}

function exampleOf(schema: JsonSchema): unknown {
  const first = (value: unknown): unknown => (Array.isArray(value) ? (value as unknown[])[0] : undefined);
  const known = schema['default'] ?? first(schema['examples']) ?? schema['const'] ?? first(schema['enum']);
  if (known !== undefined) return known;
  // Of a block the branches say which keys it needs (neededOf); of anything else, what it is.
  const branch = first(schema['oneOf']) ?? first(schema['anyOf']);
  if (branch !== undefined && schema['properties'] === undefined) return exampleOf(branch as JsonSchema);
  switch ([schema['type']].flat()[0]) {
    case 'integer':
    case 'number':
      return schema['minimum'] ?? 0;
    case 'boolean':
      return false;
    case 'array':
      return [];
    case 'object':
      return exampleObject(schema);
    default:
      return schema['format'] === 'uri' ? 'http://127.0.0.1:9000/' : 'change-me';
  }
}

function exampleObject(schema: JsonSchema): Record<string, unknown> {
  const properties = (schema['properties'] ?? {}) as Record<string, JsonSchema>;
  return Object.fromEntries(neededOf(schema).map((name) => [name, exampleOf(properties[name] ?? {})]));
}

/** Keys without which the block is refused; where it must have one of several, the first of these. */
function neededOf(schema: JsonSchema): readonly string[] {
  const requiredOf = (one: unknown): readonly string[] =>
    ((one as JsonSchema | undefined)?.['required'] ?? []) as readonly string[];
  const choice = (schema['anyOf'] ?? schema['oneOf'] ?? []) as readonly unknown[];
  const needed = new Set([...requiredOf(schema), ...requiredOf(choice[0])]);
  const [first] = Object.keys(schema['properties'] ?? {});
  if (needed.size === 0 && Number(schema['minProperties'] ?? 0) > 0 && first !== undefined) needed.add(first);
  return [...needed];
}

function block(name: string, value: unknown, indent: number): string[] {
  const text = stringify({ [name]: value }, { lineWidth: 0, singleQuote: true }).trimEnd();
  return text.split('\n').map((line) => ' '.repeat(indent) + line);
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ');
}
