import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { Log } from '../log/log.js';
import { readerProfiles } from '../../transforms/reader-profiles.js';
import { followLog } from './follow.js';
import type { FollowProblem } from './follow.js';
import { createHubView } from './view.js';
import { card, door, doorEvent, MemoryLog, NOW, position } from './view.fixture.js';

function start(log: MemoryLog) {
  const view = createHubView({ tenant: 'qau', profiles: readerProfiles().profiles, now: () => NOW });
  const problems: FollowProblem[] = [];
  const follower = followLog({
    log: log as unknown as Log,
    view,
    decoder: { decode: (_topic, bytes) => JSON.parse(Buffer.from(bytes).toString()) as never },
    now: () => NOW,
    onProblem: (problem) => problems.push(problem),
  });
  onTestFinished(() => follower.close());
  return { view, follower, problems };
}

describe('following the log', () => {
  it('is ready when all that was there is applied, and goes on with what comes', async () => {
    const log = new MemoryLog();
    log.append('master.card', 'core:1', card());
    log.append('hub.positions', 'qau/core/cards/0', position());
    const { view, follower } = start(log);
    expect(follower.ready).toBe(false);
    await follower.whenReady;
    expect([view.cards.size, follower.lag, view.asOf('core', 'cards')]).toEqual([1, 0, NOW - 1_000]);
    log.append('master.card', 'core:1', card({ version: 2, lost: true }));
    await vi.waitFor(() => expect(view.card('core:1')?.lost).toBe(true));
  });

  it('is ready at once on an empty log', async () => {
    const { follower, view } = start(new MemoryLog());
    await follower.whenReady;
    expect(view.asOf('core', 'cards')).toBeUndefined();
  });

  it('adopts no age from the future: by a clock that is ahead, old data would look fresh', async () => {
    const log = new MemoryLog();
    log.append('hub.positions', 'qau/core/cards/0', position({ asOf: NOW + 172_800_000 }));
    const { view, follower } = start(log);
    await follower.whenReady;
    expect(view.asOf('core', 'cards')).toBe(NOW);
  });

  it('adopts an age only after the offsets that the position names', async () => {
    const log = new MemoryLog();
    const { view, follower } = start(log);
    await follower.whenReady;
    log.paused.add('master.card');
    const offset = log.append('master.card', 'core:1', card());
    const written = [{ topic: 'master.card', partition: 0, offset }];
    log.append('hub.positions', 'qau/core/cards/0', position({ asOf: NOW - 5, written }));
    log.append('hub.positions', 'qau/core/cards/0', position({ asOf: NOW - 1, sequence: 2 }));
    log.append('hub.positions', 'qau/gate/grants/0', position({ sourcePartition: 'qau/gate/grants/0' }));
    await vi.waitFor(() => expect(view.asOf('gate', 'grants')).toBe(NOW - 1_000));
    expect(view.asOf('core', 'cards')).toBeUndefined(); // the later poll wrote nothing, but stands behind the earlier
    log.paused.delete('master.card');
    log.news();
    await vi.waitFor(() => expect(view.asOf('core', 'cards')).toBe(NOW - 1));
  });

  it('takes the oldest age of the shards of a stream', async () => {
    const log = new MemoryLog();
    log.append('hub.positions', 'a', position({ asOf: NOW - 9_000 }));
    log.append('hub.positions', 'b', position({ sourcePartition: 'qau/core/cards/1' }));
    const { view, follower } = start(log);
    await follower.whenReady;
    expect(view.asOf('core', 'cards')).toBe(NOW - 9_000);
  });

  it('a record that does not decode makes the data old, not wrong', async () => {
    const log = new MemoryLog();
    log.append('master.card', 'core:1', card());
    const offset = log.append('master.card', 'core:2', 'no JSON');
    const written = [{ topic: 'master.card', partition: 0, offset }];
    log.append('hub.positions', 'qau/core/cards/0', position({ written }));
    const { view, follower, problems } = start(log);
    await follower.whenReady;
    expect([view.cards.size, view.asOf('core', 'cards')]).toEqual([1, undefined]);
    expect(follower.faults).toEqual(['record master.card/0@1 could not be applied']);
    expect(problems).toMatchObject([{ code: 'UNDECODABLE', topic: 'master.card', at: { offset } }]);
  });

  it('begins a failed read again where it stopped', async () => {
    const log = new MemoryLog();
    log.append('master.card', 'core:1', card());
    log.failures = 2;
    const { view, follower, problems } = start(log);
    await follower.whenReady;
    expect(view.cards.size).toBe(1);
    expect(problems.map(({ code }) => code)).toEqual(['READ_FAILED', 'READ_FAILED']);
  });

  it('reads door events of the window only, after the doors', async () => {
    const log = new MemoryLog();
    log.append('master.door', 'gate:d1', door());
    for (let i = 0; i < 5_000; i++) {
      const time = NOW - 100 * 3_600_000 + i * 72_000;
      log.append('master.door-event', 'core:1', doorEvent({ cardKey: `core:${i}`, occurredAt: time }), time);
    }
    const { view, follower } = start(log);
    await follower.whenReady;
    await vi.waitFor(() =>
      expect(view.lastPassage('core:4999', 'building:B1', NOW)?.direction).toBe('ENTER'),
    );
    expect(view.passages.size).toBe(2 * 1_200);
    expect(view.cards.keys.size).toBeLessThan(3_000); // the old ones were not even read
  });
});
