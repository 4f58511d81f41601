import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { card, NOW, outOfScopeCard, person } from '../views/view.fixture.js';
import { createDesk, MAIN, memoryLibrary, read, sealed } from './desk.test-support.js';
import type { DeskChange } from './desk.test-support.js';
import { createSession } from './session.js';
import type { Reply } from './session.js';

const DATE = '20261123    100000';
const LOGIN = '9300CNdesk|COsecret|CPlobby|';
const status = (aa: string, more = ''): string => `23001${DATE}AOmain|AA${aa}|AC|${more}`;
const information = (aa: string, more = ''): string =>
  `63001${DATE}${' '.repeat(10)}AOmain|AA${aa}|AC|${more}`;
const checkout = (aa: string, item: string, noBlock = 'N'): string =>
  `11N${noBlock}${DATE}${DATE}AOmain|AA${aa}|AB${item}|AC|`;
const checkin = (item: string): string => `09N${DATE}${DATE}APlobby|AOmain|AB${item}|AC|`;

function start(change: DeskChange = {}) {
  const desk = createDesk(change);
  onTestFinished(() => desk.close());
  const session = createSession(desk.parts);
  const send = async (text: string, terminator: '\r' | '\r\n' | '\n' = '\r'): Promise<Reply> =>
    session.receive({ bytes: Buffer.from(text, 'latin1'), terminator });
  const say = async (text: string): Promise<string> => String((await send(text)).bytes?.toString('utf8'));
  const ask = async (text: string) => read((await send(text)).bytes);
  return { ...desk, session, send, say, ask };
}

async function loggedIn(change: DeskChange = {}) {
  const desk = start(change);
  expect(await desk.say(LOGIN)).toBe('941\r');
  return desk;
}

describe('login', () => {
  it('answers 941 with the sequence number and a checksum where the desk uses them', async () => {
    const { say } = start();
    expect(await say(sealed(LOGIN, 3))).toBe('941AY3AZFDFA\r'); // the published answer
  });

  it('answers 940 to a wrong password, and ends the connection at the third', async () => {
    const { send, session } = start();
    const wrong = '9300CNdesk|COguess|CPlobby|';
    expect(await send(wrong)).toMatchObject({ bytes: Buffer.from('940\r') });
    expect(await send(wrong)).not.toHaveProperty('end');
    expect(await send(wrong)).toMatchObject({ bytes: Buffer.from('940\r'), end: 'FAILED_LOGINS' });
    expect(session.state).toBe('ENDED');
  });

  it('comes before everything else; a stranger learns only that the hub is there', async () => {
    const { ask, send } = start();
    const { fixed, fields } = await ask('9900802.00');
    expect(fixed).toMatchObject({ online: 'Y', checkinOk: 'N', checkoutOk: 'N', protocol: '2.00' });
    expect([...fields.keys()]).toEqual(['AO', 'BX']);
    expect(await send(status('5630F009'))).toEqual({ end: 'NOT_LOGGED_IN' });
  });

  it('does not take a password in an encryption that nobody published', async () => {
    expect(await start().say('9310CNdesk|COsecret|CPlobby|')).toBe('940\r');
  });

  it('is forgotten when another one fails', async () => {
    const { say, send } = await loggedIn();
    expect(await say('9300CNdesk|COguess|CPlobby|')).toBe('940\r');
    expect(await send(status('5630F009'))).toEqual({ end: 'NOT_LOGGED_IN' });
  });
});

describe('status', () => {
  it('says what can be done: without a library no loans, with one loans', async () => {
    const alone = await (await loggedIn()).ask('9900802.00');
    expect(alone.fixed).toMatchObject({ online: 'Y', checkinOk: 'N', checkoutOk: 'N', date: DATE });
    expect(alone.fields.get('BX')).toBe('YNNNYYYYYNNNNNNN');
    expect(alone.fields.get('AM')).toBe('Main Library');
    expect(alone.fields.get('AN')).toBe('lobby');
    const lending = await (await loggedIn({ library: memoryLibrary() })).ask('9900802.00');
    expect(lending.fixed).toMatchObject({ checkinOk: 'Y', checkoutOk: 'Y' });
    expect(lending.fields.get('BX')).toBe('YYYNYYYYYNNNNNNN');
  });
});

describe('a reader at the desk', () => {
  it('is known by the number of the card, under a masked name', async () => {
    const { ask, written, parts } = await loggedIn();
    const { code, fixed, fields } = await ask(status('5630F009'));
    expect(code).toBe('24');
    expect(fixed['patronStatus']).toBe(' '.repeat(14));
    expect(Object.fromEntries(fields)).toEqual({ AO: 'main', AA: '5630F009', AE: '张*三', BL: 'Y', CQ: 'N' });
    await parts.decisions.flush();
    expect(
      written.map(({ purpose, action, subjectRef, reason }) => [purpose, action, subjectRef, reason]),
    ).toEqual([
      ['identity', 'check', 'core:1', 'ALLOW'],
      ['library', 'borrow', 'core:1', 'ALLOW'],
    ]);
    expect(JSON.stringify(written)).not.toContain('5630F009');
    expect(JSON.stringify(written)).not.toContain('张');
  });

  it('with a lost card may nothing, and every desk sees position 4', async () => {
    const { ask, view } = await loggedIn();
    view.apply('master.card', 'core:1', card({ lost: true, version: 2 }));
    const { fixed, fields } = await ask(status('5630F009'));
    expect(fixed['patronStatus']).toBe('YYYYY         ');
    expect(Object.fromEntries(fields)).toMatchObject({ AE: '', BL: 'N', CQ: 'N', AF: 'Card reported lost.' });
  });

  it('with a frozen card may borrow: freezing stops spending, not reading', async () => {
    const { ask, view } = await loggedIn();
    view.apply('master.card', 'core:1', card({ frozen: true, version: 2 }));
    const { fixed, fields } = await ask(`23019${DATE}AOmain|AA5630F009|`);
    expect(fixed).toMatchObject({ patronStatus: ' '.repeat(14), language: '019' });
    expect(Object.fromEntries(fields)).toMatchObject({ BL: 'Y', AF: '该卡已冻结消费，可借阅' });
  });

  it.each([
    ['EXPIRED', { state: 'EXPIRED' }, 'Card expired.'],
    ['REPLACED', { state: 'REPLACED' }, 'Card replaced. Use the new one.'],
    ['CLOSED', { state: 'CLOSED' }, 'Card closed.'],
  ] as const)('with a card that is %s may not borrow', async (_state, change, message) => {
    const { ask, view } = await loggedIn();
    view.apply('master.card', 'core:1', card({ ...change, version: 2 }));
    const { fixed, fields } = await ask(status('5630F009'));
    expect(fixed['patronStatus']).toBe('YYYY          ');
    expect(fields.get('AF')).toBe(message);
  });

  it('whom nobody knows, or whose number is no number, is BL=N with an empty name', async () => {
    const { ask, unknown } = await loggedIn();
    for (const number of ['AAAAAAAA', 'no number', '', 'x'.repeat(200), '0B3C']) {
      const { fixed, fields } = await ask(status(number));
      expect(fixed['patronStatus']).toBe('YYYY          ');
      expect(Object.fromEntries(fields)).toMatchObject({ AE: '', BL: 'N', CQ: 'N' });
    }
    expect(unknown).toHaveLength(3); // two are no question at all
  });

  it('with a temporary card is nobody at the library', async () => {
    const { ask, view } = await loggedIn();
    const credentials = [{ scheme: 'UID', value: '11223344' }];
    view.apply('hub.out-of-scope-card', 'core:t1', outOfScopeCard({ cardKey: 'core:t1', credentials }));
    const { fields } = await ask(status('11223344'));
    expect(Object.fromEntries(fields)).toMatchObject({ BL: 'N', AF: 'Temporary card: ask the staff.' });
  });

  it('may be named by card key or school number where the library is set so, and never by the other', async () => {
    const institutions = {
      keys: { ...MAIN, reader: { by: 'card-key', source: 'core' } },
      numbers: { ...MAIN, reader: { by: 'school-number', source: 'core' } },
    } as const;
    const { ask, view } = await loggedIn({ institutions });
    view.apply('hub.person-source', 'core:acc-7', person({ personKey: 'core:acc-7', schoolNumber: null }));
    const by = async (library: string, number: string) =>
      (await ask(`23001${DATE}AO${library}|AA${number}|`)).fields.get('BL');
    expect(await by('keys', '1')).toBe('Y');
    expect(await by('numbers', '20260001')).toBe('Y');
    expect(await by('numbers', ' ２０２６0001 '.normalize('NFKC'))).toBe('Y');
    expect(await by('keys', '20260001')).toBe('N');
    expect(await by('numbers', '1')).toBe('N');
    expect(await by('numbers', 'acc-7')).toBe('N'); // the core's own number for somebody without a school number
    expect(await by('elsewhere', '1')).toBe('N');
  });

  it('is nobody until the hub has read its log', async () => {
    const { ask, written, parts } = await loggedIn({ ready: false });
    const { fields } = await ask(status('5630F009'));
    expect(Object.fromEntries(fields)).toMatchObject({ BL: 'N', AF: 'Starting. Try again soon.' });
    expect((await ask('9900802.00')).fixed['online']).toBe('N');
    await parts.decisions.flush();
    expect(written).toEqual([]);
  });
});

describe('patron information', () => {
  it('leaves counts blank that nobody counts', async () => {
    const { ask } = await loggedIn();
    const { code, fixed } = await ask(information('5630F009'));
    expect(code).toBe('64');
    expect(fixed).toMatchObject({ holdItems: '    ', overdueItems: '    ', chargedItems: '    ' });
  });

  it('has the counts and blocks of a library that tells them', async () => {
    const { ask } = await loggedIn({ library: memoryLibrary() });
    const { fixed } = await ask(information('5630F009'));
    expect(fixed).toMatchObject({ overdueItems: '0002', chargedItems: '0005', holdItems: '    ' });
    expect(fixed['patronStatus']).toBe('      Y       ');
  });

  it('stays below 256 bytes, whatever the screen would say', async () => {
    const messages = { FROZEN: { en: 'x'.repeat(120), zh: '冻'.repeat(60) } };
    const { send, view } = await loggedIn({ institutions: { main: { ...MAIN, messages } } });
    view.apply('master.card', 'core:1', card({ frozen: true, version: 2 }));
    for (const language of ['001', '019']) {
      const line = sealed(information('5630F009').replace('63001', `63${language}`), 1);
      const { bytes } = await send(line, '\r\n');
      expect(bytes!.length).toBeLessThan(256);
      expect(read(bytes).fields.get('AE')).toBe('张*三');
    }
  });
});

describe('the PIN', () => {
  it('is right only where the library has checked it', async () => {
    const { ask } = await loggedIn({ library: memoryLibrary() });
    const cq = async (pin: string) => (await ask(status('5630F009', `AD${pin}|`))).fields.get('CQ');
    expect(await cq('4711')).toBe('Y');
    expect(await cq('0000')).toBe('N');
    expect(await cq('4711')).toBe('Y'); // a wrong one locks nothing
    const alone = await (await loggedIn()).ask(status('5630F009', 'AD4711|'));
    expect(Object.fromEntries(alone.fields)).toMatchObject({ CQ: 'N', AF: 'PINs cannot be checked here.' });
  });

  it('of a lost card is not even asked about, so that CQ=Y always has BL=Y', async () => {
    let asked = 0;
    const passwordRight = async () => ++asked > 0;
    const { ask, view } = await loggedIn({ library: memoryLibrary({ passwordRight }) });
    view.apply('master.card', 'core:1', card({ lost: true, version: 2 }));
    const { fields } = await ask(status('5630F009', 'AD4711|'));
    expect(Object.fromEntries(fields)).toMatchObject({ BL: 'N', CQ: 'N' });
    expect(asked).toBe(0);
  });

  it('never reaches the decision log', async () => {
    const { ask, parts, written } = await loggedIn({ library: memoryLibrary() });
    await ask(status('5630F009', 'ADhunter2|'));
    await parts.decisions.flush();
    expect(JSON.stringify(written)).not.toContain('hunter2');
  });
});

describe('lending', () => {
  it('is not available without a library, and says so', async () => {
    const { ask, parts, written } = await loggedIn();
    const { code, fixed, fields } = await ask(checkout('5630F009', 'B1'));
    expect(code).toBe('12');
    expect(fixed).toMatchObject({ ok: '0', renewalOk: 'N', desensitize: 'N' });
    expect(Object.fromEntries(fields)).toMatchObject({
      AB: 'B1',
      AJ: '',
      AH: '',
      AF: 'Not available here. Ask the staff.',
    });
    const back = await ask(checkin('B1'));
    expect(back.code).toBe('10');
    expect(back.fixed).toMatchObject({ ok: '0', resensitize: 'N', alert: 'Y' });
    await parts.decisions.flush();
    expect(written.map(({ action, decision }) => [action, decision])).toEqual([['borrow', true]]);
  });

  it('is the decision first, then the library', async () => {
    const library = memoryLibrary();
    const { ask, view } = await loggedIn({ library });
    const { fixed, fields } = await ask(checkout('5630F009', 'B1'));
    expect(fixed).toMatchObject({ ok: '1', desensitize: 'Y' });
    expect(Object.fromEntries(fields)).toMatchObject({ AJ: '红楼梦', AH: '20261223    100000' });
    view.apply('master.card', 'core:1', card({ lost: true, version: 2 }));
    const refused = await ask(checkout('5630F009', 'B2'));
    expect(refused.fixed).toMatchObject({ ok: '0', desensitize: 'N' });
    expect(refused.fields.get('AF')).toBe('Card reported lost.');
    expect([...library.lent.keys()]).toEqual(['B1']);
  });

  it('is undone by a return whose reader has lost the card, with a word to the staff', async () => {
    const library = memoryLibrary();
    const { ask, view, parts, written } = await loggedIn({ library });
    await ask(checkout('5630F009', 'B1'));
    view.apply('master.card', 'core:1', card({ lost: true, version: 2 }));
    const { fixed, fields } = await ask(checkin('B1'));
    expect(fixed).toMatchObject({ ok: '1', resensitize: 'Y' });
    expect(Object.fromEntries(fields)).toMatchObject({ AQ: 'A-3', AF: 'Card reported lost.' });
    await parts.decisions.flush();
    expect(written.at(-1)).toMatchObject({ action: 'return', decision: true, warning: 'DENY_LOST' });
    expect(library.lent.size).toBe(0);
  });

  it('passes on what the library refuses, in its own words', async () => {
    const { ask } = await loggedIn({ library: memoryLibrary() });
    expect(Object.fromEntries((await ask(checkin('B9'))).fields)).toMatchObject({ AF: 'Not lent.' });
  });

  it('is not done when the library does not answer', async () => {
    const gone = async () => Promise.reject(new Error('connection refused'));
    const { ask } = await loggedIn({
      library: memoryLibrary({ checkout: gone, borrower: gone, account: gone }),
    });
    const { fixed, fields } = await ask(checkout('5630F009', 'B1'));
    expect(fixed['ok']).toBe('0');
    expect(fields.get('AF')).toBe('Library system: no answer. Not done.');
    expect((await ask(checkin('B1'))).fixed['ok']).toBe('0');
    expect((await ask(information('5630F009'))).fields.get('BL')).toBe('Y'); // the decision needs no library
  });

  it('while the desk was offline is taken only from a desk that may send such loans', async () => {
    const library = memoryLibrary();
    const strict = await loggedIn({ library });
    expect((await strict.ask(checkout('5630F009', 'B1', 'Y'))).fixed['ok']).toBe('0');
    const trusted = await loggedIn({ library, offlineUploads: true });
    trusted.view.apply('master.card', 'core:1', card({ lost: true, version: 2 }));
    expect((await trusted.ask(checkout('5630F009', 'B1', 'Y'))).fixed['ok']).toBe('1');
    expect((await trusted.ask(checkout('AAAAAAAA', 'B2', 'Y'))).fixed['ok']).toBe('0');
    expect([...library.lent.keys()]).toEqual(['B1']);
  });

  it('is not done twice when the desk sends the same line again, sequence number and all', async () => {
    let times = 0;
    const base = memoryLibrary();
    const library = memoryLibrary({ checkout: async (...of) => (times++, base.checkout(...of)) });
    const { say } = await loggedIn({ library });
    const line = sealed(checkout('5630F009', 'B1'), 4);
    const first = await say(line);
    expect(await say(line)).toBe(first);
    expect(times).toBe(1);
    await say(sealed(checkout('5630F009', 'B1'), 5));
    expect(times).toBe(2);
  });
});

describe('the end of a visit', () => {
  it('is answered with 36, and the next reader begins in the usual language', async () => {
    const { ask, say } = await loggedIn();
    await ask(`23019${DATE}AOmain|AA5630F009|`);
    expect((await ask(checkout('5630F009', 'B1'))).fields.get('AF')).toBe('此处不能办理，请到服务台');
    expect(await say(`35${DATE}AOmain|AA5630F009|AC|`)).toBe(`36Y${DATE}AOmain|AA5630F009|\r`);
    expect((await ask(checkout('5630F009', 'B1'))).fields.get('AF')).toBe(
      'Not available here. Ask the staff.',
    );
  });
});

describe('error detection', () => {
  it('asks for a damaged message again with 96, without a sequence number', async () => {
    const { say } = await loggedIn();
    const line = sealed(status('5630F009'), 1);
    expect(await say(line.replace('5630F009', '5630F008'))).toBe('96AZFEF6\r');
    expect(await say(line)).toMatch(/^24 .*AY1AZ[0-9A-F]{4}\r$/);
  });

  it('repeats the last answer at 97, byte for byte, and 96 is not that answer', async () => {
    const { say } = await loggedIn();
    const answer = await say(sealed(status('5630F009'), 1));
    await say('2399');
    expect(await say('97AZFEF5')).toBe(answer);
    expect(await start().say('97AZFEF5')).toBe('96AZFEF6\r');
  });

  it('sends back the terminator that came', async () => {
    const { send } = await loggedIn();
    for (const terminator of ['\r', '\r\n', '\n'] as const) {
      const { bytes } = await send('9900802.00', terminator);
      expect(/[\r\n]+$/.exec(bytes!.toString())?.[0]).toBe(terminator);
    }
  });

  it('gives up after five lines in a row that cannot be read', async () => {
    const { send, session } = await loggedIn();
    for (let i = 0; i < 4; i++) expect(await send('garbage')).not.toHaveProperty('end');
    await send('9900802.00');
    for (let i = 0; i < 4; i++) expect(await send('garbage')).not.toHaveProperty('end');
    expect(await send(`${status('1')}AA2|`)).toMatchObject({ end: 'UNREADABLE' });
    expect(session.state).toBe('ENDED');
  });

  it('counts bytes and not characters, in GB18030 too', async () => {
    const desk = createDesk({ encoding: 'gb18030', institutions: { main: { ...MAIN, language: 'zh' } } });
    onTestFinished(() => desk.close());
    const session = createSession(desk.parts);
    const send = async (text: string): Promise<Buffer> =>
      (await session.receive({ bytes: Buffer.from(text, 'latin1'), terminator: '\r' })).bytes!;
    await send(LOGIN);
    const bytes = await send(sealed(status('5630F009'), 7));
    expect(bytes.includes(Buffer.from('d5c52ac8fd', 'hex'))).toBe(true); // 张*三 in GBK
    const { trailerOf } = await import('./checksum.js');
    expect(trailerOf(bytes.subarray(0, -1))).toMatchObject({ kind: 'right', sequence: '7' });
  });
});

describe('any bytes', () => {
  it('never crash a session, and every answer can be read', async () => {
    const pieces = fc.oneof(
      fc.constantFrom(
        '93',
        '99',
        '23',
        '63',
        '11',
        '09',
        '35',
        '97',
        '96',
        '24',
        '17',
        LOGIN,
        status('5630F009'),
      ),
      fc.constantFrom(
        'AO',
        'AA',
        'AB',
        '|',
        'AY1',
        'AZ',
        'FFFF',
        DATE,
        'main',
        '5630F009',
        '\u0000',
        '\ufffd',
      ),
      fc.string({ unit: 'binary', maxLength: 30 }),
    );
    const text = fc.array(pieces, { maxLength: 12 }).map((all) => all.join(''));
    const line = fc.tuple(text, fc.boolean(), fc.nat(9));
    await fc.assert(
      fc.asyncProperty(fc.array(line, { maxLength: 12 }), fc.boolean(), async (lines, lends) => {
        const desk = createDesk(lends ? { library: memoryLibrary() } : {});
        const session = createSession(desk.parts);
        await session.receive({ bytes: Buffer.from(LOGIN), terminator: '\r' });
        for (const [content, seal, sequence] of lines) {
          const bytes = seal ? Buffer.from(sealed(content, sequence), 'latin1') : Buffer.from(content);
          const reply = await session.receive({ bytes, terminator: '\r\n' });
          if (reply.bytes === undefined) expect(reply.end).toBeDefined();
          else {
            expect(reply.bytes.subarray(-2).toString()).toBe('\r\n');
            expect(reply.bytes.subarray(0, -2).includes(0x0d)).toBe(false);
            expect(['10', '12', '24', '36', '64', '94', '96', '98']).toContain(read(reply.bytes).code);
          }
        }
        await desk.close();
      }),
      { numRuns: 300 },
    );
  });

  it('that name no reader never name one', async () => {
    const { ask } = await loggedIn();
    await fc.assert(
      fc.asyncProperty(fc.string({ maxLength: 60 }), async (number) => {
        const aa = number.replace(/[|\r\n]/g, '');
        fc.pre(!/^\s*(56[ :-]?30[ :-]?F0[ :-]?09)\s*$/i.test(aa));
        const { fields } = await ask(status(aa));
        expect(fields.get('BL')).toBe('N');
        expect(fields.get('AE')).toBe('');
      }),
    );
  });
});

it('the fixture day is the one that the answers carry', () => {
  expect(NOW).toBe(Date.parse('2026-11-23T10:00:00+08:00'));
});
