import type { components } from '../../openapi/lockers.js';

export type LockerRow = components['schemas']['Locker'];
export type LockerEvent = components['schemas']['Event'];
export type Handled = components['schemas']['Handled'];
