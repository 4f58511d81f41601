import type { ConnectorSpec, StreamSpec } from '../sdk.js';
import { httpOptionsSchema } from '../sdk-http.js';
import { agreementRowSchema, reconRowSchema } from './rows.js';
import { LAYOUTS } from './recon-file.js';
import { PROFILES } from './profiles.js';

const agreements: StreamSpec = {
  name: 'agreements',
  title: { en: 'Signing agreements', zh: '银行签约' },
  after: [],
  kind: 'state',
  maps: 'bank-agreement',
  rowSchema: agreementRowSchema,
  listing: { absence: 'keyset' },
  feed: false,
  delivery:
    'Every agreement of each listing, and each notice that the bank sends by itself, which is answered only when it is durable. A row that is older than the published one is not applied.',
  pollMsDefault: 300_000,
};

const recon: StreamSpec = {
  name: 'recon',
  title: { en: 'Reconciliation files', zh: '对账文件' },
  after: [],
  kind: 'state',
  maps: 'bank-recon',
  rowSchema: reconRowSchema,
  listing: null,
  feed: true,
  delivery:
    'Each row of each day’s file, the file itself first. A file that comes late is read when it comes; one with other bytes than before is read again, and its rows replace the earlier ones.',
  pollMsDefault: 600_000,
};

export const bankStreams = { agreements, recon } as const;

const clock = '^([01]\\d|2[0-3]):[0-5]\\d$';
const secret = (description: string) => ({ type: 'string', minLength: 1, writeOnly: true, description });

/** Specification of `bank/soap`. */
export const bankSoapSpec: ConnectorSpec = {
  kind: 'bank/soap',
  title: { en: 'Bank: signing and reconciliation over SOAP', zh: '银行：签约与对账（SOAP）' },
  summary:
    'Watches and reconciles, moves no money: who has signed, what became of a load, the reconciliation file of each day; and takes the bank’s own notices. The WSDL files are ours (`openapi/bank-*.wsdl`), since no bank publishes its own.',
  options: {
    type: 'object',
    required: ['profile', 'url', 'merchant', 'privateKey'],
    additionalProperties: false,
    properties: {
      profile: {
        enum: Object.keys(PROFILES),
        description:
          'wss-utf8: UTF-8, WS-Security X.509. concat-gb18030: GB18030, signature over the ordered concatenation of the fields.',
      },
      url: { type: 'string', minLength: 1, description: 'Address of the bank’s SOAP endpoint.' },
      merchant: { type: 'string', minLength: 1, description: 'The school’s number at the bank.' },
      privateKey: secret('The school’s key: PKCS#8 PEM, or 64 hex digits for SM2.'),
      certificate: { type: 'string', minLength: 1, description: 'The school’s certificate, PEM (wss-utf8).' },
      bankCertificates: {
        type: 'array',
        maxItems: 4,
        items: { type: 'string', minLength: 1 },
        description: 'The bank’s certificates, PEM: the present one, and the next before the old one ends.',
      },
      algorithm: {
        enum: ['RSA-SHA256', 'SM2-SM3'],
        default: 'RSA-SHA256',
        description: 'Of concat-gb18030.',
      },
      bankPublicKeys: {
        type: 'array',
        maxItems: 4,
        items: { type: 'string', minLength: 1 },
        description: 'The bank’s SM2 public keys, 130 hex digits (04…), in place of certificates.',
      },
      pageRows: { type: 'integer', minimum: 1, maximum: 500, default: 200, description: 'Rows of a page.' },
      window: {
        type: 'object',
        additionalProperties: false,
        description:
          'When the bank does no transfers, Asia/Shanghai, half-open. Files are not asked for within it; queries of signing go on.',
        properties: {
          closes: {
            type: 'string',
            pattern: clock,
            default: '23:00',
            description: 'First minute that is closed.',
          },
          opens: {
            type: 'string',
            pattern: clock,
            default: '01:00',
            description: 'First minute that is open again.',
          },
        },
      },
      description: {
        enum: ['check', 'ignore'],
        default: 'check',
        description:
          'Whether the WSDL that the bank serves is compared with ours each hour; a changed one stops the streams.',
      },
      recon: {
        type: 'object',
        additionalProperties: false,
        description: 'Reconciliation files.',
        properties: {
          layout: {
            enum: [...LAYOUTS],
            default: 'total',
            description: 'Layout of the file; see docs/banks.md.',
          },
          from: {
            type: 'string',
            pattern: '^\\d{8}$',
            description: 'First day of a hub without a position, yyyyMMdd; default: seven days ago.',
          },
          recheckDays: {
            type: 'integer',
            minimum: 1,
            maximum: 31,
            default: 7,
            description: 'Days whose files are looked at again for a new issue.',
          },
          fileBytes: {
            type: 'integer',
            minimum: 1,
            maximum: 67_108_864,
            default: 16_777_216,
            description: 'Largest file, bytes; a larger one is refused.',
          },
        },
      },
      http: httpOptionsSchema,
    },
  },
  streams: [agreements, recon],
  quirks: [
    'A person who is not in the listing and never was is UNKNOWN, not NOT_SIGNED.',
    'The bank’s account number is cut to its last four digits in the connector; names and telephone numbers are not taken.',
    'Widths of fixed files count bytes of GBK: a name of three characters fills six of its thirty bytes.',
    'A file that is not there is `missing`; a file without rows is a day without trades.',
    'Comments, CDATA, processing instructions, document types and entities in the bank’s XML are refused.',
    'Notices come to POST /intake/{source} of the facade.',
  ],
};
