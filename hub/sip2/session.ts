/**
 * One connection of a desk, from its first line to its last.
 *
 *             ┌── 93 wrong: 940 (the third one ends it) ──┐
 *             ▼                                            │
 *   ───▶ STRANGER ── 93 right: 941 ──▶ DESK ─── 23 63 99 11 09 35: answered ───▶ DESK
 *             │                          │
 *             │ anything else            │ 93 wrong: 940 ─▶ STRANGER
 *             │ (99 says only "online")  │
 *             ▼                          ▼
 *           ENDED ◀── 5 lines in a row that cannot be read
 *
 *   In every state: a wrong checksum or a line that is no message ─▶ 96 (send again); 97 ─▶ the last answer again.
 *   A loan or a return whose line comes twice, sequence number and all, was sent again since its answer was lost: it
 *   is answered as before and not done twice.
 *
 * Lines come one at a time: the next one only after the answer to this one.
 */
import iconv from 'iconv-lite';
import { checksumOf, trailerOf } from './checksum.js';
import type { Trailer } from './checksum.js';
import { DESK_ANSWERS, strangerStatus } from './desk.js';
import type { Answer, DeskParts, Terminal } from './desk.js';
import type { Line } from './framing.js';
import { composeMessage, fieldText, parseMessage } from './message.js';
import type { Message } from './message.js';

const FAILED_LOGINS_MAX = 3;
const UNREADABLE_MAX = 5;
/** Some clients read 256 bytes at a time and lose a character that lies across the border. */
const SHORT_BYTES = 255;

export type Encoding = 'utf-8' | 'gb18030';
export type EndReason = 'FAILED_LOGINS' | 'NOT_LOGGED_IN' | 'UNREADABLE';

export interface Reply {
  /** Everything to send, in one write. */
  readonly bytes?: Buffer;
  /** End the connection after the bytes. */
  readonly end?: EndReason;
}

export interface SessionParts extends DeskParts {
  readonly encoding: Encoding;
  /** The desk of that name, password and location; undefined: refused, without saying why. */
  readonly logIn: (user: string, password: string, location: string) => Promise<Terminal | undefined>;
}

export interface Session {
  readonly state: 'STRANGER' | 'DESK' | 'ENDED';
  /** Never rejects and never throws, whatever the bytes are. */
  receive(line: Line): Reply | Promise<Reply>;
}

/** Messages that change something, and must not be done twice. */
const LOANS: ReadonlySet<string> = new Set(['11', '09']);
/** Fields that say who or what is meant: with two of them a message means two things. */
const ONCE = ['AA', 'AB', 'AD', 'AO', 'CN', 'CO', 'CP'];

export function createSession(parts: SessionParts): Session {
  return new DeskSession(parts);
}

class DeskSession implements Session {
  state: Session['state'] = 'STRANGER';
  private terminal: Terminal | undefined;
  private failedLogins = 0;
  private unreadable = 0;
  private last: Buffer | undefined;
  private lastLoan: { readonly line: Buffer; readonly answer: Buffer } | undefined;

  constructor(private readonly parts: SessionParts) {}

  receive(line: Line): Reply | Promise<Reply> {
    if (this.state === 'ENDED') return { end: 'UNREADABLE' };
    const trailer = trailerOf(line.bytes);
    if (trailer.kind === 'wrong') return this.sendAgain(line);
    const parsed = parseMessage(this.decode(line.bytes.subarray(0, trailer.end)));
    if (!parsed.ok || ONCE.some((name) => parsed.message.repeated.has(name))) return this.sendAgain(line);
    const { message } = parsed;
    if (message.code === '97') {
      return this.last === undefined ? this.sendAgain(line) : { bytes: ended(this.last, line) };
    }
    const loan = LOANS.has(message.code) && trailer.kind === 'right' && trailer.sequence !== undefined;
    if (loan && this.lastLoan?.line.equals(line.bytes) === true)
      return { bytes: ended(this.lastLoan.answer, line) };
    const finish = (answer: Answer): Buffer => {
      const bytes = this.compose(answer, trailer);
      this.last = bytes;
      this.lastLoan = loan ? { line: Buffer.from(line.bytes), answer: bytes } : undefined;
      return ended(bytes, line);
    };
    return this.answer(line, message, finish);
  }

  private answer(line: Line, message: Message, finish: (answer: Answer) => Buffer): Reply | Promise<Reply> {
    if (message.code === '93') {
      this.unreadable = 0;
      return this.logIn(message, finish);
    }
    const respond = DESK_ANSWERS[message.code];
    if (respond === undefined) return this.sendAgain(line); // one of our own answers, sent back to us
    this.unreadable = 0;
    if (this.terminal === undefined) {
      if (message.code === '99') return { bytes: finish(strangerStatus(this.parts)) };
      return this.end('NOT_LOGGED_IN');
    }
    const answer = respond(this.parts, this.terminal, message);
    return answer instanceof Promise
      ? answer.then((late) => ({ bytes: finish(late) }))
      : { bytes: finish(answer) };
  }

  private async logIn(message: Message, finish: (answer: Answer) => Buffer): Promise<Reply> {
    const { fixed, fields } = message;
    this.state = 'STRANGER';
    this.terminal = undefined;
    // Other algorithms than 0 (none) were never published.
    const plain = fixed['uidAlgorithm'] === '0' && fixed['pwdAlgorithm'] === '0';
    const terminal = plain
      ? await this.parts.logIn(fields.get('CN') ?? '', fields.get('CO') ?? '', fields.get('CP') ?? '')
      : undefined;
    this.terminal = terminal;
    const bytes = finish({ code: '94', fixed: { ok: terminal === undefined ? '0' : '1' }, fields: [] });
    if (terminal !== undefined) {
      this.state = 'DESK';
      this.failedLogins = 0;
      return { bytes };
    }
    return ++this.failedLogins >= FAILED_LOGINS_MAX ? { ...this.end('FAILED_LOGINS'), bytes } : { bytes };
  }

  /** 96 never has a sequence number (3M 2.00), and is not what 97 asks for. */
  private sendAgain(line: Line): Reply {
    const again = Buffer.from('96AZ', 'latin1');
    const bytes = Buffer.from(`96AZ${checksumOf(again)}${line.terminator}`, 'latin1');
    return ++this.unreadable >= UNREADABLE_MAX ? { ...this.end('UNREADABLE'), bytes } : { bytes };
  }

  private end(reason: EndReason): Reply {
    this.state = 'ENDED';
    this.terminal = undefined;
    return { end: reason };
  }

  private decode(bytes: Buffer): string {
    return this.parts.encoding === 'utf-8'
      ? bytes.toString('utf8')
      : iconv.decode(bytes, this.parts.encoding);
  }

  private encode(text: string): Buffer {
    return this.parts.encoding === 'utf-8'
      ? Buffer.from(text, 'utf8')
      : iconv.encode(text, this.parts.encoding);
  }

  private compose(answer: Answer, trailer: Trailer): Buffer {
    const { code, fixed, fields, screen, short = false } = answer;
    const base = this.encode(composeMessage(code, fixed as never, fields));
    const room = short ? SHORT_BYTES - base.length - END_BYTES_MAX : Infinity;
    const parts = [base];
    if (screen !== undefined) {
      const text = this.screenWithin(screen, room);
      if (text !== undefined) parts.push(text);
    }
    if (trailer.kind === 'right') {
      const sequence = trailer.sequence === undefined ? '' : `AY${trailer.sequence}`;
      parts.push(Buffer.from(`${sequence}AZ`, 'latin1'));
      parts.push(Buffer.from(checksumOf(Buffer.concat(parts)), 'latin1'));
    }
    return Buffer.concat(parts);
  }

  /** AF whole or, where there is little room, not at all: half a sentence may say the opposite. */
  private screenWithin(screen: string, room: number): Buffer | undefined {
    const text = this.encode(fieldText('AF', screen));
    return text.length <= room ? text : undefined;
  }
}

/** `AY1AZ`, four hex digits, CR and LF. */
const END_BYTES_MAX = 11;

/** With the terminator that the desk sent this time; one buffer, since some clients read once. */
function ended(answer: Buffer, { terminator }: Line): Buffer {
  return Buffer.concat([answer, Buffer.from(terminator, 'latin1')]);
}
