/** Who owns source partitions right now, asked from outside: nothing is joined, so nobody has to let go. */
import type { ActiveOwner, SourcePartitionId } from '../log.js';
import type { KafkaClient } from './client.js';
import { withAdmin } from './topics.js';

/**
 * The owners among the members of the group, one for each of these ids that has one. While the group shares out
 * again its assignments are not known: then each member counts as an owner of all.
 */
export async function activeOwners(
  client: KafkaClient,
  groupId: string,
  ids: readonly SourcePartitionId[],
): Promise<ActiveOwner[]> {
  const group = await withAdmin(client, `asking for the owners in ${groupId}`, async (admin) => {
    const { groups } = await admin.describeGroups([groupId]);
    return groups[0];
  });
  if (group === undefined) return [];
  const isSettled = group.state === 'Stable';
  return group.members.flatMap(({ clientId, clientHost, memberAssignment }) => {
    const owned = isSettled ? assignedIds(memberAssignment) : ids;
    return ids.filter((id) => owned.includes(id)).map((id) => ({ id, owner: `${clientId} (${clientHost})` }));
  });
}

/** Empty where the member is of another version and says it in another way. */
function assignedIds(assignment: Buffer): readonly string[] {
  try {
    const ids: unknown = JSON.parse(assignment.toString('utf8'));
    return Array.isArray(ids) ? (ids as string[]) : [];
  } catch {
    return [];
  }
}
