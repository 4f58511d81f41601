import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Card } from '../../contracts/types.js';
import { type CatalogueEntry, createCatalogue, loadCatalogue } from './catalogue.js';
import { schemaFingerprint } from './compatibility.js';
import { createCodecs, createHeaders, EnvelopeError, headersFor, schemaIdOf } from './envelope.js';

const catalogue = loadCatalogue();
const codecs = createCodecs(catalogue);

const card: Card = {
  cardKey: 'core:100123',
  source: 'core',
  cardId: '100123',
  version: 7,
  holder: { source: 'core', key: 'core:20990001' },
  accountKey: 'core:100123',
  cardType: 'FORMAL',
  state: 'NORMAL',
  stateReason: null,
  lost: true,
  frozen: false,
  damaged: false,
  locked: false,
  lostAt: Date.UTC(2026, 0, 2, 3, 4, 5, 678),
  frozenCause: null,
  validFrom: 20_000,
  validUntil: 48_000,
  replacedBy: null,
  replaces: null,
  credentials: [{ scheme: 'UID', value: '5630F009' }],
  changedAt: null,
  dataQuality: [],
};

function refusal(act: () => unknown): EnvelopeError {
  try {
    act();
  } catch (error) {
    if (error instanceof EnvelopeError) return error;
    throw error;
  }
  throw new Error('expected a refusal');
}

describe('a value on the wire', () => {
  it('is 0x00, the schema id in big-endian and Avro, and decodes to what was encoded', () => {
    const codec = codecs.codecFor('master.card');
    const bytes = codec.encode(card);
    expect([...bytes.subarray(0, 5)]).toEqual([0, 0, 0, 0, codec.schemaId]);
    expect(schemaIdOf(bytes)).toBe(codec.schemaId);
    expect(codec.decode(bytes)).toEqual(card);
  });

  it('is the same bytes from a batch encoder, whatever the size of its slab', () => {
    const expected = Buffer.from(codecs.codecFor('master.card').encode(card));
    for (const slab of [64, 100, 1000, 65_536]) {
      const encoder = codecs.createEncoder(slab);
      const views = Array.from({ length: 50 }, () => encoder.encode('master.card', card));
      for (const view of views) expect(expected.equals(view)).toBe(true);
    }
  });

  it('may be larger than the slab', () => {
    const policy = {
      policyVersion: '1',
      tenant: 'qau',
      document: 'x'.repeat(500_000),
      digest: 'sha-256:0',
      issuedAt: 0,
      note: null,
    };
    const bytes = codecs.createEncoder(1000).encode('hub.policy', policy);
    expect(codecs.codecFor('hub.policy').decode(bytes)).toEqual(policy);
  });

  it('with a wrong field is refused with its path, and the value is not in the message', () => {
    const wrong = { ...card, holder: { source: 'core', key: 20990001 } } as unknown as Card;
    const error = refusal(() => codecs.codecFor('master.card').encode(wrong));
    expect(error).toMatchObject({ code: 'INVALID_VALUE', path: 'holder.key' });
    expect(error.message).not.toContain('20990001');
  });

  it('with a field that the contract does not have is refused rather than dropped', () => {
    const wrong = { ...card, phone: '137' } as unknown as Card;
    const error = refusal(() => codecs.createEncoder().encode('master.card', wrong));
    expect(error.code).toBe('INVALID_VALUE');
    expect(error.message).toContain('phone');
    expect(error.message).not.toContain('137');
  });

  it('with an unknown enum symbol or a missing field is refused', () => {
    const encode = (value: object) => refusal(() => codecs.codecFor('master.card').encode(value as Card));
    expect(encode({ ...card, state: 'BURNT' })).toMatchObject({ path: 'state' });
    const { lost: _lost, ...rest } = card;
    expect(encode(rest)).toMatchObject({ path: 'lost' });
  });

  it('that is cut short, of another topic or of a newer hub is refused with a code', () => {
    const codec = codecs.codecFor('master.card');
    const bytes = Buffer.from(codec.encode(card));
    expect(refusal(() => codec.decode(bytes.subarray(0, 4))).code).toBe('NOT_WIRE_FORMAT');
    expect(refusal(() => codec.decode(Buffer.from('{"card":1}'))).code).toBe('NOT_WIRE_FORMAT');
    expect(refusal(() => codec.decode(bytes.subarray(0, 40))).code).toBe('DAMAGED');
    expect(refusal(() => codec.decode(Buffer.concat([bytes, Buffer.from([1])]))).code).toBe('DAMAGED');
    expect(refusal(() => codecs.codecFor('master.door').decode(bytes)).code).toBe('UNKNOWN_SCHEMA');
    bytes.writeInt32BE(9999, 1);
    expect(refusal(() => codec.decode(bytes)).code).toBe('UNKNOWN_SCHEMA');
  });

  it('written by an earlier version is read into the newest', () => {
    const v1 = { type: 'record', name: 'Policy', fields: [{ name: 'policyVersion', type: 'string' }] };
    const v2 = { ...v1, fields: [...v1.fields, { name: 'note', type: ['null', 'string'], default: null }] };
    const entry = (id: number, version: number, schema: object): CatalogueEntry => ({
      id,
      version,
      subject: 'hub.policy-value',
      schema: JSON.stringify(schema),
      fingerprint: schemaFingerprint(schema),
    });
    const old = createCodecs(createCatalogue([entry(3, 1, v1)])).codecFor('hub.policy');
    const now = createCodecs(createCatalogue([entry(3, 1, v1), entry(8, 2, v2)])).codecFor('hub.policy');
    const written = old.encode({ policyVersion: 'a' } as never);
    expect(now.decode(written)).toEqual({ policyVersion: 'a', note: null });
    expect(schemaIdOf(now.encode({ policyVersion: 'a', note: 'b' } as never))).toBe(8);
  });
});

describe('the headers', () => {
  it('writes every time as ISO 8601 does, whatever came before it', () => {
    const headersOf = createHeaders('/qau/core/cards', '0.1.0');
    fc.assert(
      fc.property(fc.date({ noInvalidDate: true }), fc.integer({ min: 0, max: 120_000 }), (date, later) => {
        for (const time of [date.getTime(), Math.min(date.getTime() + later, 8.64e15), date.getTime()]) {
          const facts = { topic: 'master.card', schemaId: 10, id: 'a', subject: 'b', observedAt: 0, time };
          expect(headersOf(facts).ce_time).toBe(new Date(time).toISOString());
        }
      }),
    );
  });

  it('are CloudEvents in Kafka binary mode, with the wall clock beside them', () => {
    const headers = headersFor({
      topic: 'master.card',
      schemaId: 10,
      id: 'core:cards:100123:7',
      source: '/qau/core/cards',
      time: Date.UTC(2026, 0, 2),
      subject: 'core:100123',
      observedAt: Date.UTC(2026, 0, 2, 0, 0, 1),
      hubVersion: '0.1.0',
    });
    expect(headers).toEqual({
      ce_specversion: '1.0',
      ce_id: 'core:cards:100123:7',
      ce_source: '/qau/core/cards',
      ce_type: 'cardhub.master.card.v1',
      ce_time: '2026-01-02T00:00:00.000Z',
      ce_subject: 'core:100123',
      ce_dataschema: 'urn:cardhub:schemas:ids:10',
      'content-type': 'application/avro',
      cardhub_observedat: '2026-01-02T00:00:01.000Z',
      cardhub_version: '0.1.0',
    });
  });
});
