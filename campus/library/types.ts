import type { components } from '../../openapi/library.js';

export type PatronRow = components['schemas']['Patron'];
export type CheckoutRow = components['schemas']['Checkout'];
