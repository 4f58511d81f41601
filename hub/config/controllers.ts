/** The `controllers` section of hub.yaml, and the source that their events come from. */
import { CODES } from '../../contracts/codes.js';
import { BUILT_IN } from '../../transforms/reader-profiles.js';
import type { BuildContext, RawSource } from './build.js';
import type { SourceDocument } from './document.js';
import { parseDuration } from './duration.js';
import { asBlock, checkReference } from './refer.js';
import type { ConfigProblem, ControllerConfig, SourceConfig } from './types.js';

/** Name of that source; first part of the ids of their events. */
export const CONTROLLERS = 'controllers';
export const CONTROLLERS_CONNECTOR = 'access-control/controllers';
const UHPPOTE_PORT = 60_000;

/** Controllers that upload by themselves know our codes. */
const REASONS = Object.fromEntries(CODES['decision-reasons'].map(({ code }) => [code, code]));

interface RawController {
  readonly doors: Readonly<
    Record<string, string | { readonly door: string; readonly direction: 'enter' | 'exit' }>
  >;
  readonly readerProfile: string;
  readonly validity: string;
  readonly entriesMax: number;
  readonly uhppote?: { readonly serial: number; readonly address: string };
}
export type RawControllers = Readonly<Record<string, RawController>>;

export function buildControllers(raw: RawControllers): ControllerConfig[] {
  return Object.entries(raw).map(([id, { doors, readerProfile, validity, entriesMax, uhppote }]) => {
    const [host = '', port] = uhppote?.address.split(':') ?? [];
    return {
      ...{ id, readerProfile, entriesMax },
      doors: Object.entries(doors).map(([number, door]) => {
        const { door: key, direction } = typeof door === 'string' ? { door, direction: undefined } : door;
        return { number: Number(number), key, action: direction ?? ('enter' as const) };
      }),
      validityMs: parseDuration(validity) ?? 0,
      uhppote: uhppote && { serial: uhppote.serial, host, port: Number(port ?? UHPPOTE_PORT) },
    };
  });
}

/** Their events are a stream like any other: after the cards and doors of every source. */
export function controllerSource(
  raw: RawControllers,
  sources: Readonly<Record<string, RawSource>>,
  { specs }: Pick<BuildContext, 'specs'>,
): SourceConfig[] {
  const spec = specs.find(({ kind }) => kind === CONTROLLERS_CONNECTOR);
  const [stream] = spec?.streams ?? [];
  if (Object.keys(raw).length === 0 || stream === undefined) return [];
  const after = Object.entries(sources).flatMap(([name, { connector, streams }]) =>
    (specs.find(({ kind }) => kind === connector)?.streams ?? [])
      .filter(({ maps }) => maps === 'card' || maps === 'card-alone' || maps === 'door')
      .filter((one) => streams[one.name]?.enabled !== false)
      .map((one) => `${name}/${one.name}`),
  );
  const { name, pollMsDefault: pollMs } = stream;
  const absence = { threshold: { count: 0, percent: 0 } };
  const config = { source: CONTROLLERS, name, enabled: true, after, pollMs, snapshotEveryMs: undefined };
  return [
    {
      name: CONTROLLERS,
      connector: CONTROLLERS_CONNECTOR,
      options: {},
      streams: [{ ...config, absence }],
      mapping: { reasons: REASONS },
    },
  ];
}

/** Profiles must exist, a serial belongs to one controller, the name of their source is taken, and one must be able to ask. */
export function checkControllers(document: SourceDocument): ConfigProblem[] {
  const data = asBlock(document.data);
  const controllers = asBlock(data['controllers']);
  const problems: ConfigProblem[] = [];
  const say = (path: readonly string[], message: string): void => {
    problems.push({ code: 'BAD_VALUE', ...document.place(path, 'value'), path: path.join('.'), message });
  };
  if (Object.keys(controllers).length > 0 && Object.hasOwn(asBlock(data['sources']), CONTROLLERS)) {
    const message = `expected another name: the events of controllers have the source ${CONTROLLERS}`;
    say(['sources', CONTROLLERS], message);
  }
  const scopes = Object.values(asBlock(data['clients'])).map((client) => asBlock(client)['scopes']);
  if (Object.keys(controllers).length > 0 && !scopes.flat().includes('controller')) {
    const message =
      'expected a client with the scope controller: a list has the chip numbers of cards, so no open facade gives it';
    say(['controllers'], message);
  }
  const profiles = [...Object.keys(BUILT_IN), ...Object.keys(asBlock(asBlock(data['readers'])['profiles']))];
  const serials = new Map<unknown, string>();
  for (const [id, given] of Object.entries(controllers)) {
    const { readerProfile, uhppote } = asBlock(given);
    const path = ['controllers', id, 'readerProfile'];
    const what = 'the name of a reader profile';
    problems.push(...checkReference(document, { path, name: readerProfile, known: profiles, what }));
    const { serial } = asBlock(uhppote);
    const other = serials.get(serial);
    if (serial !== undefined && other !== undefined) {
      const message = `expected a serial of its own; the controller ${other} has the same`;
      say(['controllers', id, 'uhppote', 'serial'], message);
    }
    serials.set(serial, id);
  }
  return problems;
}
