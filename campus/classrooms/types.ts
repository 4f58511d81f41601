import type { components } from '../../openapi/classrooms.js';

export type Lesson = components['schemas']['Lesson'];
export type Room = components['schemas']['Room'];
export type Swipe = components['schemas']['Swipe'];
