import type { components } from '../../openapi/access-control.js';

type Schemas = components['schemas'];
export type Door = Schemas['Door'];
export type Grant = Schemas['Grant'];
export type DoorEvent = Schemas['Event'];
export type ScheduleSpan = Schemas['ScheduleSpan'];
