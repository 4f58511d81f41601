import type { SwipeRow } from '../../connectors/access-control/rows.js';
import type { SourceRow } from '../../connectors/sdk.js';
import { lazyRow } from '../../connectors/sdk-pages.js';
import { CONTROLLERS } from '../config/controllers.js';
import type { ControllerConfig } from '../config/types.js';
import type { Upload, UploadedEvent } from '../facade/controller-events.js';
import type { UploadOutcome } from '../facade/controllers.js';
import type { Intake } from './intake.js';

const STREAM = 'swipes';

/** Uploaded events as rows of the source of all controllers: mapped, committed and counted like every other swipe. */
export function controllerUpload(
  intake: Pick<Intake, 'push'>,
  now: () => number,
): (controller: ControllerConfig, upload: Upload) => Promise<UploadOutcome> {
  return async (controller, { events }) => {
    const at = now();
    const uploadedAt = new Date(at).toISOString();
    const rows = events.map((event) => rowOf(controller, event, uploadedAt));
    const committed = await intake.push(CONTROLLERS, { stream: STREAM, rows, asOf: at });
    if (committed.outcome === 'later') return 'later';
    const { books, records } = committed.batch;
    const prefix = `${CONTROLLERS}:${STREAM}:${controller.id}-`;
    const inQuarantine = new Set(
      records.flatMap(({ topic, key }) => (topic === 'hub.quarantine' ? key : [])),
    );
    const total = Object.values(books.quarantined).reduce((sum, count) => sum + count, 0);
    const named = events.filter(({ index }) => inQuarantine.has(`${prefix}${index}`));
    return {
      published: books.published,
      other: books.read - books.published - total,
      refused: total === 0 ? [] : named.map(({ index }) => index),
    };
  };
}

function rowOf(controller: ControllerConfig, event: UploadedEvent, uploadedAt: string): SourceRow {
  const { index, door, card, direction, granted, reason, occurredAt } = event;
  const id = `${controller.id}-${index}`;
  const row: SwipeRow = {
    ...{ id, index, direction, occurredAt, uploadedAt },
    doorId: String(door.number),
    doorKey: door.key,
    controllerId: controller.id,
    credential: { profile: controller.readerProfile, value: card ?? '' },
    ...(card === undefined && { noCard: true }),
    ...(granted !== undefined && { granted }),
    ...(reason !== undefined && { reason }),
  };
  return lazyRow(id, id, row);
}
