/** What `--log` on the command line says. */
export type LogOption =
  | { readonly engine: 'embedded' }
  /** `prefix` undefined: the one of hub.yaml stays. */
  | { readonly engine: 'kafka'; readonly brokers: readonly string[]; readonly prefix: string | undefined };

/** Reads `embedded` or `kafka://host:port[,host:port…][/prefix]`; undefined when it is neither. */
export function parseLogOption(text: string): LogOption | undefined {
  if (text === 'embedded') return { engine: 'embedded' };
  const [, hosts, prefix] = /^kafka:\/\/([^/]+)(?:\/([A-Za-z0-9._-]{0,64}))?$/.exec(text) ?? [];
  if (hosts === undefined) return undefined;
  const brokers = hosts.split(',');
  const valid = brokers.every((broker) => /^([^:\s]+|\[[0-9a-fA-F:]+\]):[0-9]{1,5}$/.test(broker));
  return valid ? { engine: 'kafka', brokers, prefix: prefix === '' ? undefined : prefix } : undefined;
}
