/**
 * Ownership of source partitions by Kafka's own group membership (rule 2): the classic protocol that consumers
 * and Kafka Connect use, with a protocol of ours inside: members say which source partitions they are configured
 * for and which they had, the leader assigns (`assign.ts`). No topic is consumed, so kafkajs' consumer, which can
 * stop silently after a rebalance, has no part in it.
 *
 *   joining ──JoinGroup, SyncGroup──▶ member ──heartbeats──▶ member
 *      ▲                                │ rebalance asked for, or the generation is gone
 *      └──────── revoked() awaited ◀────┤
 *                                       │ no heartbeat answered for `sessionTimeoutMs`: owns() is false at once,
 *                                       └─▶ revoked() without waiting for any broker
 *
 * Rebalances are eager: everything is revoked, then assigned anew; whoever had a partition keeps it if that is
 * even. Fencing (the transactional id) makes it safe even for a process that slept through all of this.
 */
import type { Ownership, OwnershipHandler, SourcePartitionId } from '../log.js';
import { assignOwners, type Member } from './assign.js';
import { backoff, sleep, type KafkaClient } from './client.js';
import { kafkaErrorType } from './errors.js';
import type { Broker, Cluster, GroupMember } from './internals.js';

const PROTOCOL_TYPE = 'cardhub-owners';
const PROTOCOL_NAME = 'sticky-v1';

export interface OwnershipTimes {
  /** A member that is silent for so long is out; brokers allow 6 s or more by default. */
  readonly sessionTimeoutMs: number;
  readonly heartbeatMs: number;
  /** How long a rebalance waits for members to let go and join again. */
  readonly rebalanceTimeoutMs: number;
}

export const OWNERSHIP_TIMES: OwnershipTimes = {
  sessionTimeoutMs: 6_000,
  heartbeatMs: 1_500,
  rebalanceTimeoutMs: 10_000,
};

interface Membership {
  readonly broker: Broker;
  readonly memberId: string;
  readonly generationId: number;
}

export function joinOwners(
  client: KafkaClient,
  groupId: string,
  ids: readonly SourcePartitionId[],
  handler: OwnershipHandler,
  times: OwnershipTimes = OWNERSHIP_TIMES,
): Ownership {
  const group = new OwnerGroup(client, groupId, ids, handler, times);
  const done = group.run();
  return {
    owns: (id) => group.owns(id),
    release: async () => {
      group.stop();
      await done;
    },
  };
}

/** A class for once: one mutable state with many small steps over it. */
class OwnerGroup {
  private owned: readonly SourcePartitionId[] = [];
  /** What was owned last, kept over a rebalance so that it can come back. */
  private had: readonly SourcePartitionId[] = [];
  private memberId = '';
  /** When the last request that the coordinator answered with success was sent (monotonic). */
  private confirmedAt = -Infinity;
  private stopping = false;
  private wake: () => void = () => undefined;
  private callbacks: Promise<void> = Promise.resolve();

  constructor(
    private readonly client: KafkaClient,
    private readonly groupId: string,
    private readonly ids: readonly SourcePartitionId[],
    private readonly handler: OwnershipHandler,
    private readonly times: OwnershipTimes,
  ) {}

  owns(id: SourcePartitionId): boolean {
    return this.inSession() && this.owned.includes(id);
  }

  stop(): void {
    this.stopping = true;
    this.wake();
  }

  async run(): Promise<void> {
    const watch = setInterval(() => {
      if (this.owned.length > 0 && !this.inSession()) void this.letGo('the session was lost');
    }, this.times.heartbeatMs / 3);
    let cluster: Cluster | undefined;
    let membership: Membership | undefined;
    for (let attempt = 1; !this.stopping;) {
      try {
        cluster ??= await this.connect();
        membership = await (membership && this.inSession()
          ? this.resume(cluster, membership)
          : this.join(cluster));
        attempt = 1;
        await this.beat(membership);
      } catch (error) {
        const outcome = await this.recover(error);
        if (outcome === 'join') membership = undefined;
        if (outcome === 'reconnect' && cluster) {
          this.client.discard(cluster);
          cluster = undefined;
        }
        await this.pause(backoff(attempt++));
      }
    }
    clearInterval(watch);
    await this.letGo('released');
    await membership?.broker
      .leaveGroup({ groupId: this.groupId, memberId: this.memberId })
      .catch(() => undefined);
    if (cluster) this.client.discard(cluster);
  }

  private inSession(): boolean {
    return performance.now() - this.confirmedAt < this.times.sessionTimeoutMs;
  }

  private async connect(): Promise<Cluster> {
    const cluster = this.client.cluster();
    try {
      await cluster.connect();
      await cluster.refreshMetadata();
      return cluster;
    } catch (error) {
      this.client.discard(cluster);
      throw error;
    }
  }

  private async resume(cluster: Cluster, membership: Membership): Promise<Membership> {
    return { ...membership, broker: await cluster.findGroupCoordinator({ groupId: this.groupId }) };
  }

  private async join(cluster: Cluster): Promise<Membership> {
    const { groupId, times } = this;
    await this.letGo('the owners are shared out again');
    const broker = await cluster.findGroupCoordinator({ groupId });
    const metadata = Buffer.from(JSON.stringify({ wants: this.ids, had: this.had }), 'utf8');
    const joined = await broker.joinGroup({
      groupId,
      sessionTimeout: times.sessionTimeoutMs,
      rebalanceTimeout: times.rebalanceTimeoutMs,
      memberId: this.memberId,
      protocolType: PROTOCOL_TYPE,
      groupProtocols: [{ name: PROTOCOL_NAME, metadata }],
    });
    this.memberId = joined.memberId;
    const leads = joined.leaderId === joined.memberId;
    const sentAt = performance.now();
    const { memberAssignment } = await broker.syncGroup({
      groupId,
      generationId: joined.generationId,
      memberId: joined.memberId,
      groupAssignment: leads ? assignmentOf(joined.members) : [],
    });
    this.confirmedAt = sentAt;
    const ids =
      memberAssignment.length === 0 ? [] : (JSON.parse(memberAssignment.toString('utf8')) as string[]);
    this.take(ids);
    return { broker, memberId: joined.memberId, generationId: joined.generationId };
  }

  /** Heartbeats until the coordinator answers with an error, which it throws, or until stopped. */
  private async beat({ broker, memberId, generationId }: Membership): Promise<void> {
    for (;;) {
      await this.pause(this.times.heartbeatMs);
      if (this.stopping) return;
      const sentAt = performance.now();
      await broker.heartbeat({ groupId: this.groupId, groupGenerationId: generationId, memberId });
      // Answered later than the session allows: all was let go meanwhile. Join again as the same member.
      if (!this.inSession())
        throw Object.assign(new Error('session over'), { type: 'REBALANCE_IN_PROGRESS' });
      this.confirmedAt = sentAt;
    }
  }

  /** After a lost connection ownership goes on as long as the session does: the coordinator still counts us in. */
  private async recover(error: unknown): Promise<'join' | 'reconnect'> {
    const type = kafkaErrorType(error);
    if (type === 'REBALANCE_IN_PROGRESS') return 'join';
    if (type === 'UNKNOWN_MEMBER_ID' || type === 'ILLEGAL_GENERATION') {
      this.memberId = '';
      return 'join';
    }
    this.client.log('warn', `Ownership group ${this.groupId}: ${type}; connecting again`, {
      error: String(error),
    });
    return 'reconnect';
  }

  /** Callbacks run one after the other; heartbeats go on meanwhile. */
  private take(ids: readonly SourcePartitionId[]): void {
    this.owned = ids;
    this.had = ids;
    if (ids.length > 0) void this.call('assigned', ids);
  }

  private async letGo(reason: string): Promise<void> {
    const ids = this.owned;
    this.owned = [];
    if (ids.length > 0) {
      this.client.log('info', `Ownership of ${ids.length} source partitions ends: ${reason}`, { ids });
      void this.call('revoked', ids);
    }
    await this.callbacks;
  }

  private call(which: 'assigned' | 'revoked', ids: readonly SourcePartitionId[]): Promise<void> {
    this.callbacks = this.callbacks
      .then(() => this.handler[which](ids))
      .catch((error: unknown) => {
        this.client.log('warn', `Ownership callback ${which} failed`, { ids, error: String(error) });
      });
    return this.callbacks;
  }

  private async pause(ms: number): Promise<void> {
    if (this.stopping) return;
    await Promise.race([sleep(ms), new Promise<void>((resolve) => (this.wake = resolve))]);
  }
}

function assignmentOf(members: readonly GroupMember[]): { memberId: string; memberAssignment: Buffer }[] {
  const said = members.map(({ memberId, memberMetadata }): Member => {
    const { wants, had } = JSON.parse(memberMetadata.toString('utf8')) as Omit<Member, 'memberId'>;
    return { memberId, wants, had };
  });
  return [...assignOwners(said)].map(([memberId, ids]) => ({
    memberId,
    memberAssignment: Buffer.from(JSON.stringify(ids), 'utf8'),
  }));
}
