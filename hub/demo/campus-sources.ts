import { AIDS } from '../../campus/power/cascade.js';
import { FORM_SYSTEM } from '../../campus/power/form.js';
import { CODE_SYSTEMS } from '../../campus/power/room-map.js';
import type { Campus } from '../../campus/main.js';
import { packagePath } from '../package-root.js';

/**
 * The `sources` section of the demo's hub.yaml: every system of the simulated campus. Polls are a campus's, only those
 * of listings that change seldom are shorter than a real one would have them, so that a fault shows while one looks.
 */
export function campusSources(campus: Campus): Record<string, object> {
  return { ...doorSources(campus), ...powerSources(campus), ...deskSources(campus), ...bankSources(campus) };
}

/** The card core and the doors alone. */
export function doorSources({ urls, credentials }: Campus): Record<string, object> {
  const { core, access } = credentials;
  return {
    core: {
      connector: 'card-core/gateway',
      options: {
        url: urls.core,
        appKey: core.appKey,
        tripleDesKey: core.tripleDesKeyHex,
        privateKey: core.privateKeyPem,
        corePublicKey: core.corePublicKeyPem,
      },
      streams: {
        cards: { poll: '500ms' },
        accounts: { poll: '5s' },
        transactions: { poll: '2s' },
        'top-ups': { poll: '5s' },
        devices: { poll: '30s' },
      },
    },
    gate: {
      connector: 'access-control/rest',
      options: { url: urls.access, apiKey: access.apiKey },
      streams: {
        doors: { poll: '30s' },
        grants: { poll: '10s' },
        swipes: { poll: '1s', after: ['core/cards'] },
      },
      mapping: { personSource: 'core', cardSource: 'core' },
    },
  };
}

/** Both groups of Chengyang stand behind the card core, each with an application of its own; Pingdu has a form. */
function powerSources({ urls, credentials }: Campus): Record<string, object> {
  const { core, power } = credentials;
  const streams = {
    vendors: { poll: '10s' },
    rooms: { poll: '20s', after: ['rooms/rooms'] },
    purchases: { poll: '5s', after: ['rooms/rooms'] },
  };
  const cascade = (group: 'east' | 'west') => ({
    connector: 'power/cascade',
    options: {
      url: urls.powerCascade,
      aid: AIDS[group],
      appKey: power.appKeys[group],
      tripleDesKey: core.tripleDesKeyHex,
      privateKey: core.privateKeyPem,
      corePublicKey: core.corePublicKeyPem,
    },
    streams,
    mapping: { roomSystem: CODE_SYSTEMS[group], cardSource: 'core', decimals: 2 },
  });
  return {
    rooms: { connector: 'power/room-map', options: { folder: './rooms', complete: 'always' } },
    'power-east': cascade('east'),
    'power-west': cascade('west'),
    'power-pingdu': {
      connector: 'power/http-form',
      options: { url: urls.powerForm, system: FORM_SYSTEM, apiKey: power.formApiKey },
      streams,
      mapping: { roomSystem: CODE_SYSTEMS.north, cardSource: 'core' },
    },
  };
}

function deskSources({ urls, credentials }: Campus): Record<string, object> {
  const cards = { after: ['core/cards'] };
  return {
    library: {
      connector: 'library/rest',
      options: { url: urls.library, ...credentials.library, lends: true },
      streams: { patrons: { poll: '5s' }, loans: { poll: '5s' } },
      mapping: { personSource: 'core', cardSource: 'core' },
    },
    lockers: {
      connector: 'lockers/rest',
      options: { url: urls.lockers, ...credentials.lockers },
      streams: { lockers: { poll: '10s' }, uses: { poll: '5s', ...cards } },
      mapping: { readerProfile: 'dec10-le' },
    },
    classrooms: {
      connector: 'classrooms/rest',
      options: { url: urls.classrooms, ...credentials.classrooms },
      streams: { rooms: { poll: '30s' }, swipes: { poll: '5s', ...cards } },
      mapping: { personSource: 'core' },
    },
    campus: {
      connector: 'reference-data/file',
      options: { file: packagePath('examples', 'qau', 'service-points.json') },
    },
  };
}

/** Two banks, two dialects; the simulated ones have the same people. */
function bankSources({ urls, bank: { credentials } }: Campus): Record<string, object> {
  const { merchant, school, bankCertificatePem } = credentials;
  const bank = (profile: string, path: string) => ({
    connector: 'bank/soap',
    options: {
      profile,
      url: `${urls.bank}/${path}`,
      merchant,
      privateKey: school.privateKeyPem,
      certificate: school.certificatePem,
      bankCertificates: [bankCertificatePem],
    },
    streams: { agreements: { poll: '30s' }, recon: { poll: '30s' } },
    mapping: { personSource: 'core' },
  });
  return { 'bank-sea': bank('wss-utf8', 'wss'), 'bank-river': bank('concat-gb18030', 'concat') };
}

/** The `banks` section: people load by the app of one bank and at the load machines of the other. */
export function campusBanks(): Record<string, object> {
  const vendors = ['power-east', 'power-west', 'power-pingdu'];
  return {
    'bank-sea': {
      loads: { source: 'core', channels: ['BANK_APP'] },
      power: vendors.map((source) => ({ source })),
    },
    'bank-river': { loads: { source: 'core', channels: ['LOAD_MACHINE'] } },
  };
}
