import { describe, expect, it } from 'vitest';
import { ageOf, decodeReply, encodeRequest, headOf, localTime } from './codec.js';

/* Datagrams as the family's own documents and captures have them. */
const SERIAL = 423187757;
const padded = (hex: string): Buffer => Buffer.from(hex.replaceAll(' ', '').padEnd(128, '0'), 'hex');

describe('a datagram of a UHPPOTE controller', () => {
  it.each([
    ['get-event', { index: 1 }, '17b00000 2d553919 01000000'],
    ['set-pc-control', { enabled: true }, '17a00000 2d553919 55aaaa55 01'],
    [
      'set-listener',
      { host: '192.168.1.100', port: 40_000, interval: 13 },
      '17900000 2d553919 c0a80164 409c 0d',
    ],
    [
      'put-card',
      { card: 6154412, from: '2019-01-02', to: '2019-12-31', door1: 1, door2: 0, door3: 29, door4: 1 },
      '17500000 2d553919 ace85d00 20190102 20191231 01001d01',
    ],
    ['get-status', {}, '17200000 2d553919'],
  ] as const)('%s is asked as the vendor asks it', (name, values, hex) => {
    expect(encodeRequest(name, SERIAL, values as never).toString('hex')).toBe(padded(hex).toString('hex'));
  });

  it('an event is read with its time, and with the clock of the controller', () => {
    const bytes = padded(
      '17200000 2d553919 39000000 01000301 aae85d00 20190419170009 06 0100010100000101 09 143702 11000000 21000000 2b0401 190420',
    );
    expect(headOf(bytes)).toEqual({ code: 0x20, serial: SERIAL });
    const event = decodeReply('get-status', bytes);
    expect(event).toMatchObject({ index: 57, type: 1, granted: false, door: 3, direction: 1, card: 6154410 });
    expect(event).toMatchObject({
      at: '2019-04-19T17:00:09+08:00',
      reason: 6,
      date: '2019-04-20',
      time: '14:37:02',
    });
    expect(ageOf(event)).toBe((21 * 3_600 + 37 * 60 - 7) * 1_000);
  });

  it('a stored event is read, and one without a time has none', () => {
    const stored = padded('17b00000 2d553919 08000000 02010301 ade85d00 20190210071201 06');
    expect(decodeReply('get-event', stored)).toEqual({
      ...{ index: 8, type: 2, granted: true, door: 3, direction: 1, card: 6154413, reason: 6 },
      at: '2019-02-10T07:12:01+08:00',
    });
    expect(decodeReply('get-event', padded('17b00000 2d553919')).at).toBe('');
  });

  it('the first byte of old firmware is known for events alone; anything else is nothing', () => {
    expect(headOf(padded('19200000 2d553919'))).toEqual({ code: 0x20, serial: SERIAL });
    expect(headOf(padded('19500000 2d553919'))).toBeUndefined();
    expect(headOf(padded('18200000 2d553919'))).toBeUndefined();
    expect(headOf(Buffer.alloc(63, 0x17))).toBeUndefined();
  });

  it('keeps Shanghai time', () => {
    expect(localTime(Date.parse('2026-11-23T20:00:00Z'))).toBe('2026-11-24T04:00:00+08:00');
  });
});
