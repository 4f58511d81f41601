/**
 * A door controller of the UHPPOTE family on a UDP socket, as it was measured against the family's own simulator:
 *
 *   a swipe, PC control on, a command within 30 s   logged as refused, reason 5 (18: a card that it does not know)
 *   a swipe otherwise                               decided by its own card list: reason 1, 6 (no right), 18
 *   open-door                                       unlocked, logged as reason 44
 *   events                                          one datagram to the listener, never acknowledged nor repeated;
 *                                                   kept in a ring, read by get-event
 *
 * Codes and offsets are written out here a second time on purpose: what the hub speaks is tried against another hand.
 */
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { MemoryFile, readMemory, type Memory, type StoredCard, type StoredEvent } from './memory.js';
import { dateAt, localText, parseTime } from './time.js';

const HOST_SILENT_MS = 30_000;
const MAGIC = 0x55aaaa55;
const DELETED = 0xffff_ffff;
const OLDEST = 0;
const NEWEST = 0xffff_ffff;

export interface ControllerFaults {
  /** The cable: nothing comes in, nothing goes out. */
  cut: boolean;
  /** Of the events sent by itself, these are lost on the way. */
  dropEvents: boolean;
  /** So many replies are lost. */
  dropReplies: number;
}

export interface UhppoteOptions {
  readonly serial: number;
  /** The world's clock, epoch ms; the 30 seconds are counted by it. */
  readonly now: () => number;
  readonly port?: number;
  /** Events that it keeps. */
  readonly eventsMax?: number;
  readonly cardsMax?: number;
  /** Where it keeps cards and events without power. Absent: they end with it. */
  readonly file?: string;
}

const CHANGES_CARDS: ReadonlySet<number> = new Set([0x50, 0x52, 0x54]);
const GONE: StoredCard = { from: '', to: '', doors: [] };

export class UhppoteController {
  readonly faults: ControllerFaults = { cut: false, dropEvents: false, dropReplies: 0 };
  /** Doors in the order in which they were unlocked, with the world's time. */
  readonly unlocked: { readonly door: number; readonly at: number; readonly by: 'host' | 'list' }[] = [];
  /** Called at each unlocking. */
  onUnlock: () => void = () => undefined;
  /** Called at each card that is taken off its list. */
  onDelete: (card: number) => void = () => undefined;
  /** Milliseconds that its clock is ahead of the world's. */
  clockMs = 0;
  readonly #slots: { card: number; of: StoredCard }[] = [];
  readonly #events: StoredEvent[] = [];
  #index = 0;
  #listener: { host: string; port: number } | null = null;
  #pcControl = false;
  #hostAt = -Infinity;
  readonly #file: MemoryFile | undefined;

  private constructor(
    readonly options: UhppoteOptions,
    readonly socket: Socket,
  ) {
    const { file, serial } = options;
    if (file !== undefined) {
      this.#remember(readMemory(file, serial));
      this.#file = new MemoryFile(file, serial, () => this.#memory());
    }
    socket.on('message', (bytes, from) => this.#asked(bytes, from));
    socket.on('error', () => undefined);
  }

  static async start(options: UhppoteOptions): Promise<UhppoteController> {
    const socket = createSocket('udp4');
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.bind(options.port ?? 0, '127.0.0.1', () => resolve());
    });
    return new UhppoteController(options, socket);
  }

  get port(): number {
    return this.socket.address().port;
  }

  get cards(): ReadonlyMap<number, StoredCard> {
    return new Map(this.#slots.flatMap(({ card, of }) => (card === DELETED ? [] : [[card, of] as const])));
  }

  get events(): readonly StoredEvent[] {
    return this.#events;
  }

  #memory(): Memory {
    const slots = this.#slots.map((slot) => (slot.card === DELETED ? null : slot));
    return { slots, events: this.#events, index: this.#index };
  }

  #remember({ slots, events, index }: Memory): void {
    this.#slots.push(...slots.map((slot) => slot ?? { card: DELETED, of: GONE }));
    this.#events.push(...events);
    this.#index = index;
  }

  async close(): Promise<void> {
    this.#file?.close();
    await new Promise<void>((resolve) => this.socket.close(() => resolve()));
  }

  /** Power off and on: settings are gone, cards and events stay. */
  restart(): void {
    this.#listener = null;
    this.#pcControl = false;
    this.#hostAt = -Infinity;
  }

  /** @param direction 1 in, 2 out */
  swipe(card: number, door = 1, direction = 1): StoredEvent {
    const known = this.cards.get(card);
    const hostIsThere = this.options.now() - this.#hostAt <= HOST_SILENT_MS;
    if (this.#pcControl && hostIsThere) {
      return this.#log({
        type: 1,
        granted: false,
        door,
        direction,
        card,
        reason: known === undefined ? 18 : 5,
      });
    }
    const today = this.#local().slice(0, 10);
    const isValid = known !== undefined && known.from <= today && today <= known.to;
    const granted = isValid && known.doors[door - 1] === 1;
    if (granted) this.#unlock(door, 'list');
    const reason = known === undefined ? 18 : granted ? 1 : 6;
    return this.#log({ type: 1, granted, door, direction, card, reason });
  }

  /** The button inside. */
  button(door: number): StoredEvent {
    this.#unlock(door, 'list');
    return this.#log({ type: 2, granted: true, door, direction: 1, card: 0, reason: 20 });
  }

  #unlock(door: number, by: 'host' | 'list'): void {
    this.unlocked.push({ door, at: this.options.now(), by });
    this.onUnlock();
  }

  #log(event: Omit<StoredEvent, 'index' | 'at'>): StoredEvent {
    this.#index += 1;
    const stored = { ...event, index: this.#index, at: this.options.now() + this.clockMs };
    this.#events.push(stored);
    if (this.#events.length > (this.options.eventsMax ?? 100_000)) this.#events.shift();
    this.#file?.changed();
    if (this.#listener !== null && !this.faults.cut && !this.faults.dropEvents) {
      this.socket.send(this.#status(stored), this.#listener.port, this.#listener.host);
    }
    return stored;
  }

  #asked(bytes: Buffer, from: RemoteInfo): void {
    const { serial } = this.options;
    if (this.faults.cut || bytes.length !== 64 || bytes[0] !== 0x17 || bytes.readUInt32LE(4) !== serial)
      return;
    const reply = this.#answer(bytes);
    if (reply === null) return;
    this.#hostAt = this.options.now();
    if (this.faults.dropReplies > 0) this.faults.dropReplies -= 1;
    else this.socket.send(reply, from.port, from.address);
  }

  /** Null: a function that it does not have. */
  #answer(bytes: Buffer): Buffer | null {
    const code = bytes[1] ?? 0;
    const reply = this.#reply(code);
    switch (code) {
      case 0x20:
        return this.#status(this.#events.at(-1));
      case 0x30:
        this.clockMs = parseTime(bytes.toString('hex', 8, 15)) - this.options.now();
        bytes.copy(reply, 8, 8, 15);
        return reply;
      case 0x40: {
        const door = bytes[8] ?? 0;
        reply[8] = door >= 1 && door <= 4 ? 1 : 0;
        if (reply[8] === 1) {
          this.#unlock(door, 'host');
          this.#log({ type: 2, granted: true, door, direction: 1, card: 0, reason: 44 });
        }
        return reply;
      }
      case 0x90:
        this.#listener = { host: [...bytes.subarray(8, 12)].join('.'), port: bytes.readUInt16LE(12) };
        reply[8] = 1;
        return reply;
      case 0xa0:
        reply[8] = bytes.readUInt32LE(8) === MAGIC ? 1 : 0;
        if (reply[8] === 1) this.#pcControl = bytes[12] === 1;
        return reply;
      case 0xb0:
        return this.#event(bytes.readUInt32LE(8), reply);
      default:
        return this.#cardCommand(code, bytes, reply);
    }
  }

  #cardCommand(code: number, bytes: Buffer, reply: Buffer): Buffer | null {
    const number = bytes.readUInt32LE(8);
    if (CHANGES_CARDS.has(code)) this.#file?.changed();
    const at = this.#slots.findIndex(({ card }) => card === number);
    switch (code) {
      case 0x50: {
        const doors = [...bytes.subarray(20, 24)];
        const of = { from: dateAt(bytes, 12), to: dateAt(bytes, 16), doors };
        const free = this.#slots.findIndex(({ card }) => card === DELETED);
        const isFull = at < 0 && free < 0 && this.#slots.length >= (this.options.cardsMax ?? 40_000);
        reply[8] = isFull ? 0 : 1;
        if (!isFull) this.#slots[at >= 0 ? at : free >= 0 ? free : this.#slots.length] = { card: number, of };
        return reply;
      }
      case 0x52:
        if (at >= 0) {
          this.#slots[at] = { card: DELETED, of: GONE };
          this.onDelete(number);
        }
        reply[8] = at >= 0 ? 1 : 0;
        return reply;
      case 0x54:
        reply[8] = number === MAGIC ? 1 : 0;
        if (number === MAGIC) this.#slots.length = 0;
        return reply;
      case 0x58:
        reply.writeUInt32LE(this.cards.size, 8);
        return reply;
      case 0x5c: {
        const slot = this.#slots[number - 1];
        if (slot === undefined) return reply;
        reply.writeUInt32LE(slot.card, 8);
        if (slot.card === DELETED) return reply;
        reply.write(slot.of.from.replaceAll('-', '') + slot.of.to.replaceAll('-', ''), 12, 'hex');
        for (const [i, door] of slot.of.doors.entries()) reply[20 + i] = door;
        return reply;
      }
      default:
        return null;
    }
  }

  #event(asked: number, reply: Buffer): Buffer {
    const oldest = this.#events[0]?.index ?? 0;
    const index = asked === OLDEST ? oldest : asked === NEWEST ? this.#index : asked;
    const event = this.#events.find((one) => one.index === index);
    if (event !== undefined) return this.#describe(reply, event);
    if (index > 0 && index < oldest) {
      reply.writeUInt32LE(index, 8);
      reply[12] = 0xff; // overwritten
    }
    return reply;
  }

  #status(event: StoredEvent | undefined): Buffer {
    const reply = this.#reply(0x20);
    if (event !== undefined) this.#describe(reply, event);
    const local = this.#local();
    reply.write(local.slice(11, 19).replaceAll(':', ''), 37, 'hex');
    reply.write(local.slice(2, 10).replaceAll('-', ''), 51, 'hex');
    return reply;
  }

  #describe(reply: Buffer, event: StoredEvent): Buffer {
    reply.writeUInt32LE(event.index, 8);
    reply[12] = event.type;
    reply[13] = event.granted ? 1 : 0;
    reply[14] = event.door;
    reply[15] = event.direction;
    reply.writeUInt32LE(event.card, 16);
    reply.write(localText(event.at).replaceAll(/\D/g, ''), 20, 'hex');
    reply[27] = event.reason;
    return reply;
  }

  #reply(code: number): Buffer {
    const reply = Buffer.alloc(64);
    reply[0] = 0x17;
    reply[1] = code;
    reply.writeUInt32LE(this.options.serial, 4);
    return reply;
  }

  #local(): string {
    return localText(this.options.now() + this.clockMs);
  }
}
