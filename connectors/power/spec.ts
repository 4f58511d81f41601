import type { StreamSpec } from '../sdk.js';
import { DELIVERY_MS_MAX } from './orders.js';
import { powerPurchaseRowSchema, powerRoomRowSchema, powerVendorRowSchema } from './rows.js';

/** What the streams of both power vendors have in common: health first, since it explains what the others lack. */
export const powerStreams = (): readonly [StreamSpec, StreamSpec, StreamSpec] => [
  {
    name: 'vendors',
    title: { en: 'Health of the vendor', zh: '电控厂商健康状况' },
    after: [],
    kind: 'state',
    maps: 'power-vendor',
    rowSchema: powerVendorRowSchema,
    listing: { absence: 'none' },
    feed: false,
    delivery:
      'What a probe finds at each poll: one small read, no payment. A vendor that does not answer is a row and no error.',
    pollMsDefault: 30_000,
  },
  {
    name: 'rooms',
    title: { en: 'Rooms and what is left on their meters', zh: '房间与电表余量' },
    after: [],
    kind: 'state',
    maps: 'power-room',
    rowSchema: powerRoomRowSchema,
    listing: { absence: 'second-listing' },
    feed: false,
    delivery:
      'Every room of each walk through the cascade, one call a room. Figures between two walks are not seen. A room is gone when two complete walks in a row lack it.',
    pollMsDefault: 300_000,
  },
  {
    name: 'purchases',
    title: { en: 'Orders for electricity, step by step', zh: '购电订单' },
    after: [],
    kind: 'event',
    maps: 'power-purchase',
    rowSchema: powerPurchaseRowSchema,
    listing: null,
    feed: true,
    delivery:
      'Every step at least once, in the order of the log, while it is kept; and once for each order that was not delivered in time, found in the log and not reported by it.',
    pollMsDefault: 5_000,
  },
];

/** Options that both have. */
export const powerOptions = {
  pageRows: {
    type: 'integer',
    minimum: 1,
    maximum: 1000,
    default: 100,
    description: 'Rooms, or steps of orders, of a page.',
  },
  parallel: {
    type: 'integer',
    minimum: 1,
    maximum: 16,
    default: 4,
    description: 'Rooms asked for at the same time.',
  },
  deliveryMinutes: {
    type: 'integer',
    minimum: 1,
    maximum: 1440,
    default: DELIVERY_MS_MAX / 60_000,
    description: 'Power is overdue so long after the debit.',
  },
} as const;

/** Listing calls of a page. */
export const PAGE_CALLS = 50;
