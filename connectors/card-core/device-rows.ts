/** A device of the card system, as the core lists it. Every value is a string; "" means the same as absent. */
export interface DeviceRow {
  readonly termid: string;
  /** `POS`, `CASH_MACHINE`, …: see `contracts/codes/device-types.json`. */
  readonly termtype: string;
  readonly termname?: string;
  /** Transaction code that a POS books. */
  readonly transcode?: string;
  /** 1: pending money is claimed here. */
  readonly canteenflag?: string;
  readonly campus?: string;
  readonly place?: string;
  /** `1-7 05:00-16:30; 6,7 09:00-12:00`, 1 is Monday; empty: not stated. */
  readonly hours?: string;
  /** Parted by `;`. */
  readonly services?: string;
  /** 1 online, 0 offline, 2 fault; empty: it does not report. */
  readonly health?: string;
  /** yyyyMMddHHmmss, Asia/Shanghai. */
  readonly healthtime?: string;
  /** Number of its application form 一卡通设备申请表. */
  readonly applyno?: string;
  /** Its life in order: apply, approve, refuse, install, move, retire. */
  readonly steps?: readonly DeviceStepRow[];
}

export interface DeviceStepRow {
  readonly step: string;
  /** yyyyMMdd */
  readonly date: string;
  readonly place?: string;
}

const texts = (max: number, names: readonly string[]) =>
  Object.fromEntries(names.map((name) => [name, { type: 'string', maxLength: max }]));

/** JSON Schema of {@link DeviceRow}. Unknown fields are allowed. */
export const deviceRowSchema: Readonly<Record<string, unknown>> = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  $id: 'https://cardhub.invalid/rows/card-core/device',
  type: 'object',
  required: ['termid', 'termtype'],
  properties: {
    termid: { type: 'string', minLength: 1, maxLength: 64 },
    ...texts(64, ['termtype', 'transcode', 'canteenflag', 'campus', 'health', 'healthtime', 'applyno']),
    ...texts(256, ['termname', 'place', 'hours', 'services']),
    steps: {
      type: 'array',
      maxItems: 100,
      items: {
        type: 'object',
        required: ['step', 'date'],
        properties: { ...texts(32, ['step', 'date']), ...texts(256, ['place']) },
      },
    },
  },
};
