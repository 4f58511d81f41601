/**
 * Events by their indexes: datagrams are lost, so they only say that there is something. What the hub has is asked of
 * the hub, so nothing has to be remembered here.
 */
import type { CompiledProfile } from '../../transforms/card-number.js';
import type { ControllerConfig } from '../config/types.js';
import type { IndexRange } from '../doors/index-ranges.js';
import { OVERWRITTEN } from './codec.js';
import type { Device } from './device.js';
import { EventTaker } from './events.js';
import type { HubClient, UploadEvent } from './hub-client.js';

const BATCH = 100;
/** A swipe that waited may stand so many events before the one that opened for it. */
const BEFORE = 8;
/** Asks for the oldest event that is kept. */
const OLDEST = 0;

export interface Taking {
  readonly controller: ControllerConfig;
  readonly profile: CompiledProfile;
  readonly device: Device;
  readonly hub: HubClient;
  /** Highest index that the controller named. */
  newest: number;
  /** Highest index that the hub has; undefined: it was not asked yet. */
  taken?: number;
  /** Events that the controller has overwritten before they were taken. */
  readonly lost: (detail: string) => void;
}

/** Takes all that there is. @throws HubError, DeviceError: begun again by what the hub has */
export async function takeEvents(taking: Taking): Promise<void> {
  const { controller, hub } = taking;
  try {
    if (taking.taken === undefined) {
      const { last, gaps } = await hub.events(controller.id);
      for (const gap of gaps) await takeRange(taking, gap);
      taking.taken = last;
    }
    if (taking.newest > taking.taken) {
      const range = { first: taking.taken + 1, last: taking.newest };
      await takeRange(taking, range);
      taking.taken = range.last;
    }
  } catch (error) {
    delete taking.taken;
    throw error;
  }
}

async function takeRange(taking: Taking, { first, last }: IndexRange): Promise<void> {
  const { device, controller, profile, hub, lost } = taking;
  const taker = new EventTaker(controller, profile);
  let batch: UploadEvent[] = [];
  let index = Math.max(1, first - BEFORE);
  while (index <= last) {
    const event = await device.request('get-event', { index });
    if (event.index !== index || event.type === OVERWRITTEN) {
      const oldest = (await device.request('get-event', { index: OLDEST })).index;
      const next = oldest > index ? Math.min(oldest, last + 1) : index + 1;
      if (next > first) lost(`events ${Math.max(index, first)} to ${next - 1} are not kept any more`);
      index = next;
      continue;
    }
    const taken = taker.take(event);
    if (index >= first) batch.push(taken);
    index++;
    if (batch.length === BATCH || (index > last && batch.length > 0)) {
      await hub.upload(controller.id, batch);
      batch = [];
    }
  }
  if (batch.length > 0) await hub.upload(controller.id, batch);
}
