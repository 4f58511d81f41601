import type { components } from '../../openapi/classrooms.js';

export type Lesson = components['schemas']['Lesson'];
export type Swipe = components['schemas']['Swipe'];
