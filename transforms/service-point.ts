/** Reference data of the campus-card service → master.service-point, with the page that it was taken from. */
import type { ServicePointRow } from '../connectors/reference-data/rows.js';
import type { ServicePoint } from '../contracts/types.js';
import { date, mapRow, reject, requiredId } from './fields.js';
import { hoursOf } from './hours.js';
import type { RecordKind } from './kind.js';
import type { MapContext, Mapped } from './outcome.js';
import { textOrNull } from './text.js';

/** Maps a service point. Nothing is filled in that the page does not say. */
export function mapServicePoint(row: ServicePointRow, context: MapContext): Mapped {
  return mapRow(() => {
    const { source } = context;
    const servicePointId = requiredId(row.id, 'id');
    const originDate = date(row.originDate, 'originDate');
    if (originDate === null) reject('REQUIRED_MISSING', 'originDate', 'expected the date of the page');
    const texts = (list: readonly string[] | undefined): string[] =>
      (list ?? []).flatMap((text) => textOrNull(text) ?? []);
    const value: ServicePoint = {
      servicePointKey: `${source}:${servicePointId}`,
      source,
      servicePointId,
      version: 0,
      kind: row.kind,
      name: textOrNull(row.name) ?? servicePointId,
      nameEn: textOrNull(row.nameEn),
      campus: textOrNull(row.campus),
      place: textOrNull(row.place),
      telephones: texts(row.telephones),
      address: textOrNull(row.address),
      services: texts(row.services),
      hours: hoursOf(row.hours, 'hours'),
      note: textOrNull(row.note),
      origin: row.origin,
      originDate,
      state: 'ACTIVE',
      stateReason: null,
      dataQuality: [],
    };
    const { servicePointKey: key } = value;
    const record = { topic: 'master.service-point', key, version: 0, value, time: context.asOf };
    return { kind: 'records', records: [record], marks: [] };
  });
}

export const servicePointKind: RecordKind = {
  map: (row, context) => mapServicePoint(row as ServicePointRow, context),
  profile: { type: 'object', additionalProperties: false, properties: {} },
  state: { 'master.service-point': { key: 'servicePointKey', gone: 'CLOSED' } },
  rows: ['master.service-point'],
  events: {},
};
