import {
  ConnectorError,
  type Connector,
  type ConnectorFactory,
  type ConnectorSpec,
  type Stream,
  type StreamSpec,
  streamsOf,
} from '../sdk.js';
import { reparseJson } from '../sdk-pages.js';
import { swipesStream } from './spec.js';

const swipes: StreamSpec = {
  ...swipesStream({
    listing: null,
    feed: false,
    delivery:
      'Every event that a controller uploads, exactly once by controller and index, among the newest 300,000 events of all controllers; acknowledged when durable. What a controller overwrote before it was uploaded is a gap in its indexes and is reported as one.',
    pollMsDefault: 3_600_000,
  }),
  after: [],
};

/** Specification of `access-control/controllers`. */
export const accessControllersSpec: ConnectorSpec = {
  kind: 'access-control/controllers',
  title: { en: 'Access control: controllers themselves', zh: '门禁控制器直连' },
  summary:
    'Takes the events that door controllers upload to the facade. It stands in no `sources`: the section `controllers` of hub.yaml brings it (docs/controllers.md).',
  options: { type: 'object', additionalProperties: false, properties: {} },
  streams: [swipes],
  quirks: [
    'Nothing is pulled: controllers call the hub.',
    'Events come late and out of order; occurredAt is the controller’s clock.',
    'Events without a card (a button, a forced door) are counted by index and not published.',
  ],
};

const pushedOnly = () =>
  new ConnectorError('CONFIG', 'events of controllers are uploaded, not pulled', 'never');

const stream: Stream = {
  spec: swipes,
  reparse: reparseJson,
  feedStart: async () => null,
  snapshotPage: async () => {
    throw pushedOnly();
  },
  changes: async () => {
    throw pushedOnly();
  },
};

/** `access-control/controllers` */
export const accessControllers: ConnectorFactory = {
  spec: accessControllersSpec,
  open(): Connector {
    return {
      spec: accessControllersSpec,
      check: async () => [],
      stream: streamsOf(accessControllersSpec.kind, [stream]),
      close: async () => undefined,
    };
  },
};
