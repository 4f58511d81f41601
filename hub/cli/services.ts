import { allConnectors } from '../connectors.js';
import type { Services } from './frame.js';

/** The real parts of the hub, imported when they are first needed. */
export const services: Services = {
  connectors: allConnectors,
  openDecider: async (config, options) => (await import('../run/decider.js')).openDecider(config, options),
};
