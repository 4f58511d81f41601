/** The broker of the system tests is the development broker; tests import it from here. */
export {
  startDevBroker as startBroker,
  whyNoDevBroker as whyNoBroker,
} from '../../hub/operate/dev-broker.js';
export type { DevBroker as Broker, DevBrokerOptions as BrokerOptions } from '../../hub/operate/dev-broker.js';
