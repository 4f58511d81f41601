/** Where a client may call from, and where a request came from. */
import { BlockList, isIPv6 } from 'node:net';

/** Addresses whose answer is remembered: asking a BlockList costs more than a decision. */
const KNOWN_MAX = 1_024;
/** Proxies in a row that are believed; a longer list is nobody's. */
const HOPS_MAX = 8;

export class Networks {
  private readonly list = new BlockList();
  private readonly known = new Map<string, boolean>();
  readonly empty: boolean;

  /** @param networks addresses and CIDR, checked by the configuration */
  constructor(networks: readonly string[]) {
    this.empty = networks.length === 0;
    for (const network of networks) {
      const [address = '', bits] = network.split('/');
      const family = address.includes(':') ? 'ipv6' : 'ipv4';
      this.list.addSubnet(address, Number(bits ?? (family === 'ipv6' ? 128 : 32)), family);
    }
  }

  has(address: string): boolean {
    let found = this.known.get(address);
    if (found === undefined) {
      if (this.known.size >= KNOWN_MAX) this.known.clear();
      found = this.list.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
      this.known.set(address, found);
    }
    return found;
  }
}

/**
 * The address that a request came from: the socket's, or behind a proxy that is believed the last address that
 * no such proxy has (each appends whom it saw; what stands before may be invented by the client).
 */
export function callersAddress(
  socket: string | undefined,
  forwarded: string | undefined,
  proxies: Networks,
): string {
  let address = plain(socket ?? '');
  if (proxies.empty || forwarded === undefined) return address;
  const hops = forwarded.split(',', HOPS_MAX + 1).map((hop) => plain(hop.trim()));
  if (hops.length > HOPS_MAX) return address;
  while (hops.length > 0 && proxies.has(address)) address = hops.pop() ?? address;
  return address;
}

/** `::ffff:10.0.0.1` is how a socket for both families says 10.0.0.1. */
function plain(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
}
