/** Lines of the room mapping table → master.room-xref. */
import { xrefId, type RoomXrefRow } from '../connectors/power/rows.js';
import type { RoomXref } from '../contracts/types.js';
import { date, mapRow, reject, requiredId } from './fields.js';
import type { ProfileSchema, RecordKind } from './kind.js';
import type { MapContext, Mapped } from './outcome.js';
import { textOrNull } from './text.js';

export const roomXrefProfileSchema: ProfileSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {},
};

/** Maps a line; one that ends before it begins is refused. */
export function mapRoomXref(row: RoomXrefRow, context: MapContext): Mapped {
  return mapRow(() => {
    const validFrom = date(row.validFrom, 'validFrom');
    const validUntil = date(row.validUntil, 'validUntil');
    if (validFrom !== null && validUntil !== null && validUntil < validFrom) {
      reject('DATE_INVALID', 'validUntil', 'expected a day not before validFrom');
    }
    const key = `${context.source}:${xrefId(row)}`;
    const value: RoomXref = {
      xrefKey: key,
      source: context.source,
      version: 0,
      codeSystem: requiredId(row.codeSystem, 'codeSystem'),
      vendorRoom: requiredId(row.vendorRoom, 'vendorRoom'),
      roomId: requiredId(row.roomId, 'roomId'),
      campus: textOrNull(row.campus),
      building: textOrNull(row.building),
      name: textOrNull(row.name),
      validFrom,
      validUntil,
      state: 'ACTIVE',
      stateReason: null,
      dataQuality: [],
    };
    const record = { topic: 'master.room-xref', key, version: 0, value, time: context.asOf };
    return { kind: 'records', records: [record], marks: [] };
  });
}

export const roomXrefKind: RecordKind = {
  map: (row, context) => mapRoomXref(row as RoomXrefRow, context),
  profile: roomXrefProfileSchema,
  state: { 'master.room-xref': { key: 'xrefKey', gone: 'CLOSED' } },
  rows: ['master.room-xref'],
  events: {},
};
