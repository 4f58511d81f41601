/**
 * Commands to controllers: one outstanding for each, since a reply names its function and no more. A reply that does
 * not come is asked for again: every command of the family may be repeated.
 */
import { createSocket, type Socket } from 'node:dgram';
import { decodeReply, encodeRequest, FUNCTIONS, headOf } from './codec.js';
import type { FunctionName, Reply, Request } from './codec.js';

const REPLY_MS_MAX = 500;
const ATTEMPTS = 3;
/** Commands that wait for one controller; a list is pushed one command after the other. */
const WAITING_MAX = 256;

export class DeviceError extends Error {
  override readonly name = 'DeviceError';
  readonly retry = 'later';
  constructor(
    readonly code: 'NO_REPLY' | 'TOO_MANY' | 'CLOSED',
    message: string,
  ) {
    super(message);
  }
}

export interface DeviceAddress {
  readonly serial: number;
  readonly host: string;
  readonly port: number;
}

interface Command {
  readonly name: FunctionName;
  readonly bytes: Buffer;
  readonly resolve: (reply: Buffer) => void;
  readonly reject: (error: DeviceError) => void;
}

/** The socket that all commands go out from. */
export class Devices {
  readonly #socket: Socket;
  readonly #pending = new Map<string, (reply: Buffer) => void>();
  #closed = false;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('message', (bytes) => {
      const head = headOf(bytes);
      if (head !== undefined) this.#pending.get(`${head.serial} ${head.code}`)?.(bytes);
    });
    socket.on('error', () => undefined); // an unreachable host: the reply does not come, and that is told
  }

  static async open(host: string): Promise<Devices> {
    return new Devices(await bound(host, 0));
  }

  device(address: DeviceAddress): Device {
    return new Device(address, (bytes, name) => this.#exchange(address, bytes, name));
  }

  close(): void {
    this.#closed = true;
    this.#socket.close();
  }

  async #exchange({ serial, host, port }: DeviceAddress, bytes: Buffer, name: FunctionName): Promise<Buffer> {
    const key = `${serial} ${FUNCTIONS[name].code}`;
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      if (this.#closed) throw new DeviceError('CLOSED', 'the bridge is ending');
      const reply = await new Promise<Buffer | undefined>((resolve) => {
        const timer = setTimeout(() => resolve(undefined), REPLY_MS_MAX);
        this.#pending.set(key, (answer) => {
          clearTimeout(timer);
          resolve(answer);
        });
        this.#socket.send(bytes, port, host, (error) => error && resolve(undefined));
      });
      this.#pending.delete(key);
      if (reply !== undefined) return reply;
    }
    throw new DeviceError('NO_REPLY', `controller ${serial} at ${host}:${port} does not answer ${name}`);
  }
}

export class Device {
  readonly #urgent: Command[] = [];
  readonly #waiting: Command[] = [];
  #busy = false;

  constructor(
    readonly address: DeviceAddress,
    private readonly exchange: (bytes: Buffer, name: FunctionName) => Promise<Buffer>,
  ) {}

  /** @param urgent goes before all that waits: somebody stands at the door. @throws DeviceError */
  async request<N extends FunctionName>(name: N, values: Request<N>, urgent = false): Promise<Reply<N>> {
    const bytes = encodeRequest(name, this.address.serial, values);
    const queue = urgent ? this.#urgent : this.#waiting;
    if (queue.length >= WAITING_MAX)
      throw new DeviceError('TOO_MANY', `${WAITING_MAX} commands wait already`);
    const reply = await new Promise<Buffer>((resolve, reject) => {
      queue.push({ name, bytes, resolve, reject });
      if (!this.#busy) void this.#work();
    });
    return decodeReply(name, reply);
  }

  async #work(): Promise<void> {
    this.#busy = true;
    for (;;) {
      const command = this.#urgent.shift() ?? this.#waiting.shift();
      if (command === undefined) break;
      try {
        command.resolve(await this.exchange(command.bytes, command.name));
      } catch (error) {
        command.reject(error as DeviceError);
      }
    }
    this.#busy = false;
  }
}

/** A UDP socket that listens. */
export async function bound(host: string, port: number): Promise<Socket> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(port, host, () => {
      socket.off('error', reject);
      resolve();
    });
  });
  return socket;
}

export function portOf(socket: Socket): number {
  return socket.address().port;
}
