/** What every answer must be, whatever was asked. */
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { followed, METHODS, pathPattern, type Answers, type OpenApi, type Operation } from './document.js';
import { refusalOf, type HostileRequest } from './generate.js';
import type { Secret } from './secrets.js';
import type { WireAnswer } from './wire.js';

export interface Finding {
  readonly rule:
    | 'NO_ANSWER'
    | 'SERVER_ERROR'
    | 'STATUS_NOT_DECLARED'
    | 'TYPE_NOT_DECLARED'
    | 'NOT_ITS_SCHEMA'
    | 'NO_ALLOW'
    | 'NOT_REFUSED'
    | 'NO_RETRY_AFTER'
    | 'SECRET'
    | 'SILENCE';
  readonly detail: string;
}

/** Its entries are what the chips of a controller's readers say; it is for those who say who they are. */
const isList = ({ headers }: HostileRequest, path: string): boolean =>
  /^\/v1\/controllers\/[^/]+\/allow-list$/.test(path) && headers.some(([name]) => name === 'authorization');
const REFERENCE: ReadonlySet<string> = new Set(['/docs', '/openapi.yaml']);
/** What a request that never reached a route may get. */
const PROTOCOL_STATUSES: ReadonlySet<number> = new Set([400, 408, 413, 417, 431]);
const OVERLOADED = 503;

export function createCheck(
  document: OpenApi,
  secrets: readonly Secret[],
): (request: HostileRequest, answer: WireAnswer | null) => Finding | undefined {
  const ajv = new Ajv2020({ strict: false });
  addFormats.default(ajv);
  ajv.addSchema(document, 'facade');
  const paths = Object.entries(document.paths).map(
    ([template, item]) => [pathPattern(template), template, item] as const,
  );
  const validators = new Map<string, ValidateFunction>();
  const validator = (pointer: string): ValidateFunction => {
    let found = validators.get(pointer);
    if (found === undefined) validators.set(pointer, (found = ajv.compile({ $ref: `facade#${pointer}` })));
    return found;
  };
  const isProblem = validator('/components/schemas/Problem');
  const leak = secretFinder(secrets);

  const inDocument = ({ path, method }: HostileRequest, answer: WireAnswer): Finding | undefined => {
    const { status, headers } = answer;
    const bare = pathOf(path);
    const [, template, item] = paths.find(([pattern]) => pattern.test(bare)) ?? [];
    if (template === undefined || item === undefined) {
      return status === 404 || status === 400
        ? problemOf(answer, isProblem)
        : undeclared(answer, 'no such path');
    }
    const name = method === 'HEAD' && item['get'] !== undefined ? 'get' : method.toLowerCase();
    const operation = METHODS.includes(name) ? item[name] : undefined;
    if (operation === undefined) {
      if (status === 405)
        return headers.has('allow') ? problemOf(answer, isProblem) : { rule: 'NO_ALLOW', detail: path };
      return undeclared(answer, `${method} of ${template}`);
    }
    if (status === 503 && !headers.has('retry-after')) return { rule: 'NO_RETRY_AFTER', detail: template };
    return declared(document, operation, { template, name, isHead: method === 'HEAD' }, answer, validator);
  };

  return (request, answer) => {
    if (answer === null) {
      return request.what === 'protocol'
        ? undefined
        : { rule: 'SILENCE', detail: 'the connection was closed without an answer' };
    }
    const { status, body } = answer;
    if (status >= 500 && status !== 503)
      return { rule: 'SERVER_ERROR', detail: `${status} ${body.toString().slice(0, 200)}` };
    // The reference names people of the demo in its examples, since examples must exist.
    const bare = pathOf(request.path);
    const secret = REFERENCE.has(bare) ? undefined : leak(body, isList(request, bare));
    if (secret !== undefined) return { rule: 'SECRET', detail: secret };
    const must = refusalOf(request);
    if (must !== undefined && status !== OVERLOADED) {
      return status === must ? problemOf(answer, isProblem) : { rule: 'NOT_REFUSED', detail: `${status}` };
    }
    if (request.what === 'protocol' && PROTOCOL_STATUSES.has(status)) return undefined;
    return inDocument(request, answer);
  };
}

/** As every server reads it: dots resolved, the query cut off. */
function pathOf(target: string): string {
  try {
    return new URL(`http://hub${target}`).pathname;
  } catch {
    return '';
  }
}

function undeclared({ status, body }: WireAnswer, where: string): Finding {
  return { rule: 'STATUS_NOT_DECLARED', detail: `${status} for ${where}: ${body.toString().slice(0, 200)}` };
}

function problemOf({ body, headers }: WireAnswer, isProblem: ValidateFunction): Finding | undefined {
  if (body.length === 0) return undefined; // HEAD
  if (headers.get('content-type') !== 'application/problem+json') {
    return { rule: 'TYPE_NOT_DECLARED', detail: headers.get('content-type') ?? 'none' };
  }
  return isProblem(JSON.parse(body.toString()))
    ? undefined
    : { rule: 'NOT_ITS_SCHEMA', detail: body.toString() };
}

function declared(
  document: OpenApi,
  operation: Operation,
  { template, name, isHead }: { template: string; name: string; isHead: boolean },
  answer: WireAnswer,
  validator: (pointer: string) => ValidateFunction,
): Finding | undefined {
  const { status, headers, body } = answer;
  const given = operation.responses[String(status)];
  if (given === undefined) return undeclared(answer, operation.operationId);
  const { content = {} }: Answers = followed(document, given);
  const type = (headers.get('content-type') ?? '').split(';')[0] ?? '';
  const media = content[type];
  if (media === undefined) {
    const isEmpty = Object.keys(content).length === 0 && body.length === 0;
    return isEmpty
      ? undefined
      : { rule: 'TYPE_NOT_DECLARED', detail: `${type} ${status} of ${operation.operationId}` };
  }
  if (isHead || media.schema === undefined) return undefined;
  const escaped = (text: string): string =>
    encodeURIComponent(text.replaceAll('~', '~0').replaceAll('/', '~1'));
  const place = given.$ref?.slice(1) ?? `/paths/${escaped(template)}/${name}/responses/${status}`;
  const validate = validator(`${place}/content/${escaped(type)}/schema`);
  const text = body.toString();
  const value: unknown = type.endsWith('json') ? JSON.parse(text) : text;
  if (validate(value)) return undefined;
  const [error] = validate.errors ?? [];
  return {
    rule: 'NOT_ITS_SCHEMA',
    detail: `${status} of ${operation.operationId}: ${error?.instancePath} ${error?.message}: ${text.slice(0, 200)}`,
  };
}

/** The first secret that stands in an answer, by its kind. Masks would hide nothing: a name in clear is searched for. */
function secretFinder(secrets: readonly Secret[]) {
  const butChips = secrets.filter(({ kind }) => kind !== 'chip number');
  return (body: Buffer, mayNameChips: boolean): string | undefined => {
    if (body.length === 0) return undefined;
    const text = body.toString();
    const found = (mayNameChips ? butChips : secrets).find((secret) => text.includes(secret.text));
    return found === undefined ? undefined : `${found.kind} ${found.text} in ${text.slice(0, 300)}`;
  };
}
