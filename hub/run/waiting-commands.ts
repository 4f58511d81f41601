import { streamCommand } from '../desk/commands.js';
import type { StreamCommand } from '../sync/stream.js';
import type { HubParts } from './hub.js';

/** Every command on the log, by source partition; a stream skips those that it has executed already. */
export async function waitingCommands(hub: HubParts): Promise<ReadonlyMap<string, readonly StreamCommand[]>> {
  const commands = new Map<string, StreamCommand[]>();
  const deps = { days: hub.keys.days, now: hub.now };
  for await (const batch of hub.log.read({ topic: 'hub.command', until: 'end' })) {
    for (const record of batch.records) {
      const command = streamCommand(record, hub.codec, deps);
      if (command !== null) commands.set(record.key, [...(commands.get(record.key) ?? []), command]);
    }
  }
  return commands;
}
