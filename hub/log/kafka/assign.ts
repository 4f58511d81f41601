/** Who owns what: computed by the group's leader, a pure function of what its members said. */

export interface Member {
  readonly memberId: string;
  /** The source partitions that it is configured for. */
  readonly wants: readonly string[];
  /** Those that it owned before this rebalance. */
  readonly had: readonly string[];
}

/**
 * Each wanted id to exactly one member that wants it: even (counts differ by at most one where everybody wants
 * everything), and staying with the former owner as far as evenness allows. The same input gives the same answer.
 */
export function assignOwners(members: readonly Member[]): Map<string, string[]> {
  const sorted = [...members].sort((a, b) => (a.memberId < b.memberId ? -1 : 1));
  const owned = new Map<string, string[]>(sorted.map((m) => [m.memberId, []]));
  const open = new Set([...new Set(sorted.flatMap((m) => m.wants))].sort());
  const least = Math.floor(open.size / Math.max(1, sorted.length));
  let extra = open.size - least * sorted.length;
  const give = (member: Member, id: string) => {
    owned.get(member.memberId)!.push(id);
    open.delete(id);
  };
  const keeps = (member: Member) =>
    member.had.filter((id) => open.has(id) && member.wants.includes(id)).sort();
  for (const member of sorted) for (const id of keeps(member).slice(0, least)) give(member, id);
  for (const member of sorted) {
    const [id] = keeps(member);
    if (id !== undefined && extra > 0 && owned.get(member.memberId)!.length === least) {
      give(member, id);
      extra--;
    }
  }
  for (const id of [...open]) {
    let best: Member | undefined;
    for (const member of sorted) {
      if (!member.wants.includes(id)) continue;
      if (!best || owned.get(member.memberId)!.length < owned.get(best.memberId)!.length) best = member;
    }
    give(best!, id);
  }
  return owned;
}
