/** Door rows of an access-control system → master.door. */
import type { DoorRow } from '../connectors/access-control/rows.js';
import type { Door } from '../contracts/types.js';
import type { CodeTable, DoorClass } from './codes.js';
import * as codes from './codes.js';
import { code, mapRow, placeId, quality, requiredId } from './fields.js';
import { accessProfileSchema, type AccessProfile } from './grant.js';
import type { RecordKind, StateTopic } from './kind.js';
import type { MapContext, Mapped, Mark } from './outcome.js';
import { foldWidth, textOrNull } from './text.js';

const STATE: CodeTable<'ACTIVE' | 'DISABLED'> = { active: 'ACTIVE', disabled: 'DISABLED' };

/**
 * Maps a door. A class that is not known becomes UNKNOWN, with a mark: the policy for unknown doors then holds, and
 * the door does not vanish. A reader profile that nobody defined is kept and marked.
 */
export function mapDoor(row: DoorRow, context: MapContext): Mapped {
  return mapRow(() => {
    const profile = context.profile as AccessProfile;
    const doorId = placeId(row.id, 'id');
    const doorKey = `${context.source}:${doorId}`;
    const marks = new Set<Mark>();
    const readerProfile = textOrNull(row.readerProfile) ?? profile.readerProfile ?? null;
    if (readerProfile !== null && context.readerProfile(readerProfile) === undefined)
      marks.add('CODE_UNMAPPED');
    const dataQuality = (): Mark[] => quality(marks);
    const doorClass = classOf(row.class, profile, marks);
    const value: Door = {
      doorKey,
      source: context.source,
      doorId,
      version: row.version ?? 0,
      name: textOrNull(row.name) ?? doorId,
      doorClass,
      building: textOrNull(row.building),
      campus: textOrNull(row.campus),
      groups: (row.groups ?? []).map(
        (group, index) => `${context.source}:group:${requiredId(group, `groups.${index}`)}`,
      ),
      readerProfile,
      auditRequired: row.auditRequired ?? false,
      state:
        row.state === undefined || row.state === ''
          ? 'ACTIVE'
          : code(row.state.toLowerCase(), STATE, undefined, 'state'),
      stateReason: null,
      dataQuality: dataQuality(),
    };
    const record = { topic: 'master.door', key: doorKey, version: value.version, value, time: context.asOf };
    return { kind: 'records', records: [record], marks: dataQuality() };
  });
}

function classOf(text: string | undefined, profile: AccessProfile, marks: Set<Mark>): DoorClass {
  const folded = foldWidth(text ?? '');
  const found =
    codes.lookUp(folded, {}, profile.doorClasses) ?? codes.lookUp(folded.toUpperCase(), codes.DOOR_CLASS);
  if (found === undefined) marks.add('CODE_UNMAPPED');
  return found ?? 'UNKNOWN';
}

export const doorTopic: StateTopic<'master.door'> = { key: 'doorKey', gone: 'DISABLED' };

export const doorKind: RecordKind = {
  map: (row, context) => mapDoor(row as DoorRow, context),
  profile: accessProfileSchema,
  state: { 'master.door': doorTopic },
  rows: ['master.door'],
  events: {},
};
