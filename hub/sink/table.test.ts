import { describe, expect, it } from 'vitest';
import { TOPICS } from '../../contracts/types.js';
import type { SinkConfig } from '../config/types.js';
import { secret } from '../config/secret.js';
import { arrayText } from './postgresql.js';
import { classesOf, sinkTables } from './contracts.js';
import { chineseOf, snake } from './table.js';

const sink = (more: Partial<SinkConfig> = {}): SinkConfig => ({
  name: 'platform',
  dialect: 'postgresql',
  host: 'db',
  port: undefined,
  database: 'd',
  user: 'u',
  password: secret('p'),
  tls: 'off',
  caFile: undefined,
  statementMs: 1_000,
  schema: 'cardhub',
  prefix: '',
  topics: undefined,
  restricted: {},
  ...more,
});

describe('the table of a topic', () => {
  it('is there for every shared topic, and for none of the hub’s own', () => {
    const shared = TOPICS.filter(({ name }) => name.startsWith('master.')).map(({ name }) => name);
    expect(sinkTables(sink()).map(({ topic }) => topic)).toEqual(shared);
    expect(() => sinkTables(sink({ topics: ['hub.person-source'] }))).toThrow(/topics that are shared/);
  });

  it('has no column of a restricted field, in any topic', () => {
    for (const { topic, columns } of sinkTables(sink())) {
      const classes = classesOf(topic);
      for (const { path } of columns) expect(classes.get(path.join('.'))).not.toBe('restricted');
    }
  });

  it('has a comment in Chinese for each column, and names of its own', () => {
    for (const { columns, comment } of sinkTables(sink())) {
      for (const column of [...columns, { comment }]) expect(column.comment).toMatch(/[\u4e00-\u9fff]/);
      expect(new Set(columns.map(({ name }) => name)).size).toBe(columns.length);
    }
  });

  it('flattens records, keeps lists as JSON and money as it is', () => {
    const [card] = sinkTables(
      sink({ topics: ['master.card'], restricted: { 'master.card': ['credentials'] } }),
    );
    const types = Object.fromEntries(card!.columns.map(({ name, type }) => [name, type]));
    expect(types).toMatchObject({
      hub_id: 'text',
      holder_key: 'text',
      credentials: 'json',
      lost: 'boolean',
      lost_at: 'timestamp',
      valid_until: 'date',
      version: 'long',
    });
    expect(card!.left).toEqual([]);
  });

  it('refuses an agreement that names what is not there or not restricted', () => {
    expect(() => sinkTables(sink({ restricted: { 'master.card': ['uid'] } }))).toThrow(
      /which the contract has not/,
    );
    expect(() => sinkTables(sink({ restricted: { 'master.card': ['state'] } }))).toThrow(/not restricted/);
  });
});

it('takes the Chinese end of a doc text', () => {
  expect(chineseOf('Day of that moment in Asia/Shanghai. 业务日期')).toBe('业务日期');
  expect(chineseOf('No Chinese here.')).toBe('No Chinese here.');
  expect(snake('credentialPseudonym')).toBe('credential_pseudonym');
});

it('writes arrays as PostgreSQL reads them', () => {
  expect(arrayText(['a"b', 'c\\d', null, '', 'NULL', 'x\0y'], 'text')).toBe(
    '{"a\\"b","c\\\\d",NULL,"","NULL","x\uFFFDy"}',
  );
  expect(arrayText([1, null, -5], 'long')).toBe('{1,NULL,-5}');
  expect(arrayText(['"\\u0000\\\\u0000"'], 'json')).toBe('{"\\"\uFFFD\\\\\\\\u0000\\""}');
});
