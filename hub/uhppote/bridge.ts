/**
 * `cardhub bridge uhppote`: controllers of the UHPPOTE family on one side, the facade on the other. A process of its
 * own and a client like any other: it stands in the doors' network, where the hub may not, a hub that is started
 * again does not silence the controllers, and several bridges share them.
 */
import type { Socket } from 'node:dgram';
import type { CompiledProfile } from '../../transforms/card-number.js';
import type { ControllerConfig } from '../config/types.js';
import { decodeReply, FUNCTIONS, headOf } from './codec.js';
import { bound, Devices, portOf } from './device.js';
import type { HubClient } from './hub-client.js';
import { Link, type LinkNote, type LinkOptions } from './link.js';

export interface BridgeOptions {
  readonly controllers: readonly ControllerConfig[];
  readonly profiles: ReadonlyMap<string, CompiledProfile>;
  readonly hub: HubClient;
  /** Where events come in; `host` is the address that the controllers can reach. */
  readonly listen: { readonly host: string; readonly port: number };
  readonly now: () => number;
  readonly note: (note: LinkNote) => void;
  readonly timing?: LinkOptions['timing'];
}

export interface Bridge {
  readonly links: ReadonlyMap<string, Link>;
  readonly port: number;
  close(): Promise<void>;
}

export class BridgeError extends Error {
  override readonly name = 'BridgeError';
  readonly retry = 'never';
  constructor(
    readonly code: 'NO_CONTROLLERS' | 'PROFILE',
    message: string,
  ) {
    super(message);
  }
}

/** @throws BridgeError; the socket's own error where it cannot listen */
export async function startBridge(options: BridgeOptions): Promise<Bridge> {
  const driven = options.controllers.flatMap((one) =>
    one.uhppote === undefined ? [] : { one, at: one.uhppote },
  );
  if (driven.length === 0) {
    throw new BridgeError('NO_CONTROLLERS', 'expected controllers with a section `uhppote` in hub.yaml');
  }
  const profiles = driven.map(({ one }) => profileOf(one, options.profiles));
  const socket = await bound(options.listen.host, options.listen.port);
  const devices = await Devices.open(options.listen.host);
  const listener = { host: options.listen.host, port: portOf(socket) };
  const bySerial = new Map<number, Link>();
  const links = new Map<string, Link>();
  driven.forEach(({ one, at }, i) => {
    const { hub, now, note, timing } = options;
    const link = new Link({
      ...{ controller: one, hub, now, note, listener },
      ...(timing !== undefined && { timing }),
      profile: profiles[i] as CompiledProfile,
      device: devices.device(at),
    });
    bySerial.set(at.serial, link);
    links.set(one.id, link);
  });
  listen(socket, bySerial);
  for (const link of links.values()) link.start();
  return {
    links,
    port: listener.port,
    async close() {
      await Promise.all([...links.values()].map((link) => link.stop()));
      socket.close();
      devices.close();
    },
  };
}

/** A controller keeps a decimal number of 32 bits and no other form. */
function profileOf(one: ControllerConfig, profiles: ReadonlyMap<string, CompiledProfile>): CompiledProfile {
  const profile = profiles.get(one.readerProfile);
  if (profile?.profile.base === 'dec' && profile.profile.signed !== true && profile.width <= 10)
    return profile;
  const message = `controller ${one.id}: expected a reader profile of decimal numbers of at most 10 digits, came ${one.readerProfile}`;
  throw new BridgeError('PROFILE', message);
}

/** A datagram from another address than the controller's is nobody's event. */
function listen(socket: Socket, links: ReadonlyMap<number, Link>): void {
  socket.on('message', (bytes, from) => {
    const head = headOf(bytes);
    if (head?.code !== FUNCTIONS['get-status'].code) return;
    const link = links.get(head.serial);
    if (link === undefined || link.options.device.address.host !== from.address) return;
    void link.event(decodeReply('get-status', bytes));
  });
  socket.on('error', () => undefined);
}
