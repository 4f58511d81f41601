import type { CodeTable } from './codes.js';
import { reject } from './fields.js';
import type { ProfileSchema } from './kind.js';
import type { MapContext } from './outcome.js';

/** The `mapping` options of a power vendor's instance in hub.yaml. */
export interface PowerProfile {
  /** Code system of its rooms in the mapping table; default: the instance's name. */
  readonly roomSystem?: string;
  /** Source whose card accounts pay; default: the instance itself. */
  readonly cardSource?: string;
  /** Sentences of this group of buildings, see `power-reading.ts`; default: those that leave no doubt. */
  readonly sentences?: readonly string[];
  /** So many decimals every number in a sentence must have. */
  readonly decimals?: number;
  /** Messages that mean that all is well, beside the empty one, 成功 and the like. */
  readonly wellMessages?: readonly string[];
  /** A reading above this is not believed: the unit is wrong. Default 2,000 kWh, 2,000 yuan. */
  readonly energyKwhMax?: number;
  readonly yuanMax?: number;
  /** A meter that was read longer ago is marked METER_STALE. Default 26 hours. */
  readonly staleHours?: number;
  /** What amounts of orders are, where the vendor does not keep to its protocol. */
  readonly amountUnit?: 'fen' | 'yuan';
  /** The upstream's word for where money comes from → ours. */
  readonly paySources?: CodeTable<string>;
  /** Where money may come from. Default BANK_CARD: electricity is debited from the bank card only. */
  readonly allowedPaySources?: readonly string[];
}

const number = (description: string) => ({ type: 'number', exclusiveMinimum: 0, description }) as const;
const words = (description: string) =>
  ({
    type: 'array',
    maxItems: 64,
    items: { type: 'string', minLength: 1, maxLength: 256 },
    description,
  }) as const;

/** JSON Schema of {@link PowerProfile}. */
export const powerProfileSchema: ProfileSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    roomSystem: { type: 'string', minLength: 1, maxLength: 64 },
    cardSource: { type: 'string' },
    sentences: {
      ...words('Sentences with {energyKwh}, {subsidyKwh} or {yuan} where the numbers stand.'),
      items: {
        type: 'string',
        maxLength: 256,
        pattern: '^[^{}]*(\\{(energyKwh|subsidyKwh|yuan)\\}[^{}]*)+$',
      },
    },
    decimals: { type: 'integer', minimum: 0, maximum: 3 },
    wellMessages: words('Messages that mean that all is well.'),
    energyKwhMax: number('kWh'),
    yuanMax: number('Yuan'),
    staleHours: number('Hours'),
    amountUnit: { enum: ['fen', 'yuan'] },
    paySources: { type: 'object', additionalProperties: { type: 'string' } },
    allowedPaySources: words('Where money may come from.'),
  },
};

/** The room of the dormitory system; a code that the mapping table does not have once is refused. */
export function mappedRoom(path: string, day: number, context: MapContext) {
  const system = (context.profile as PowerProfile).roomSystem ?? context.source;
  const match = context.roomOf(system, path, day);
  if (match.kind === 'one') return { roomId: match.roomId, campus: match.campus };
  if (match.kind === 'many') {
    const rooms = match.roomIds.slice(0, 5).join(', ');
    return reject('ROOM_MAPPED_TWICE', 'path', `in ${system} this code is the rooms ${rooms} on that day`);
  }
  const why = match.otherDays ? 'no line holds on that day' : 'the mapping table does not have it';
  return reject('ROOM_UNMAPPED', 'path', `in ${system}: ${why}`);
}
