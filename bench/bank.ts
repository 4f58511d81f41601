/** `bank`: rows a second of both streams of a bank, over a socket: SOAP, signatures in both directions, XML. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startCampus, type Campus } from '../campus/start.js';
import { bankSoap } from '../connectors/bank/soap.js';
import type { Cursor, Page, Stream } from '../connectors/sdk.js';
import { line, type BenchLine, type BenchOptions, type BenchResult } from './measure.js';

/** 2026-09-10 10:00 in Shanghai: the files of the days before are there. */
const MORNING = Date.UTC(2026, 8, 10, 2);
const never = new AbortController().signal;

const WAYS = [
  ['wss-utf8', 'wss', 'agreements'],
  ['concat-gb18030', 'concat', 'agreements'],
  ['wss-utf8', 'wss', 'recon'],
  ['concat-gb18030', 'concat', 'recon'],
] as const;

export async function bank(options: BenchOptions): Promise<BenchResult> {
  const people = options.quick ? 5_000 : 20_000;
  const dir = await mkdtemp(join(tmpdir(), 'bench-bank-'));
  const campus = await startCampus({ dir, seed: 7, people, life: false, clock: { now: MORNING, rate: 0 } });
  const rates = WAYS.map((): number[] => []);
  try {
    for (let round = 0; round < options.rounds; round++) {
      for (const [i, way] of WAYS.entries()) (rates[i] as number[]).push(await rateOf(campus, way));
    }
  } finally {
    await campus.close();
    await rm(dir, { recursive: true });
  }
  return {
    name: 'bank',
    what: `a bank's agreements and reconciliation files of ${people} people, simulator in the same process`,
    lines: WAYS.map(([profile, , stream], i): BenchLine =>
      line(`${stream}, ${profile}`, 'rows/s', rates[i] as number[]),
    ),
    notes: [
      'The simulated bank signs in the same process, so a real one leaves about half of the time free.',
    ],
  };
}

async function rateOf(campus: Campus, [profile, path, stream]: (typeof WAYS)[number]): Promise<number> {
  const { school, merchant, bankCertificatePem } = campus.bank.credentials;
  const connector = bankSoap.open(
    {
      ...{ profile, url: `${campus.urls.bank}/${path}`, merchant, privateKey: school.privateKeyPem },
      ...{ certificate: school.certificatePem, bankCertificates: [bankCertificatePem] },
      ...{ pageRows: 500, recon: { from: '20260908' }, http: { perSecond: 10_000 } },
    },
    {
      ...{ source: 'bank', now: () => campus.clock.now(), random: Math.random, baseDir: '.' },
      note: () => undefined,
    },
  );
  try {
    const started = performance.now();
    const rows = await drain(connector.stream(stream));
    return (1_000 * rows) / (performance.now() - started);
  } finally {
    await connector.close();
  }
}

async function drain(stream: Stream): Promise<number> {
  const pull = (cursor: Cursor): Promise<Page> =>
    stream.spec.listing === null ? stream.changes(cursor, never) : stream.snapshotPage(cursor, never);
  let cursor = stream.spec.listing === null ? await stream.feedStart(never) : null;
  let rows = 0;
  for (;;) {
    const page = await pull(cursor);
    rows += page.rows.length;
    if (page.state === 'end') return rows;
    cursor = page.next;
  }
}
