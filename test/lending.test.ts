import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { startCampus, type Campus } from '../campus/main.js';
import { libraryRest } from '../connectors/library/rest.js';
import type { Connector } from '../connectors/sdk.js';
import { openLibraryDesk } from '../hub/run/library.js';
import type { OpenSource } from '../hub/run/sources.js';
import type { LibraryDesk } from '../hub/sip2/library-desk.js';

/** A desk lends through the hub's port, the connector and a real socket, at the library of the simulated campus. */
let dir: string;
let campus: Campus;
let connector: Connector;
let desk: LibraryDesk;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'cardhub-lending-'));
  campus = await startCampus({ dir, seed: 7, people: 50, life: false });
  connector = open({ lends: true });
  desk = deskOf(connector);
});
beforeEach(() => campus.faults.clear());
afterAll(async () => {
  await connector.close();
  await campus.close();
  rmSync(dir, { recursive: true, force: true });
});

function open(options: object): Connector {
  const context = { source: 'library', now: Date.now, random: () => 0, baseDir: dir, note: () => undefined };
  return libraryRest.open({ url: campus.urls.library, ...campus.credentials.library, ...options }, context);
}
function deskOf(of: Connector): LibraryDesk {
  const mapping = { cardSource: 'core', personSource: 'core' };
  return openLibraryDesk([{ connector: of, config: { mapping } } as unknown as OpenSource]);
}

const signal = () => AbortSignal.timeout(5_000);
const reader = { cardKey: 'core:1000000030', personKey: undefined };
const book = { institution: 'main', location: 'CY', item: '0000000077', alreadyDone: false };

it('lends, says who has the book, takes it back, and passes on what the library refuses', async () => {
  expect(desk.offers.loans).toBe(true);
  const lent = await desk.checkout({ ...reader, ...book }, signal());
  expect(lent).toMatchObject({ ok: true, title: '植物学', renewed: false });
  // The answer was lost, and the desk asks again: the same loan.
  expect(await desk.checkout({ ...reader, ...book }, signal())).toEqual(lent);
  expect(await desk.borrower(book, signal())).toMatchObject({ cardKey: 'core:1000000030' });
  const other = { cardKey: 'core:1000000220', personKey: undefined };
  expect(await desk.checkout({ ...other, ...book }, signal())).toMatchObject({ ok: false, code: 'REFUSED' });
  expect(await desk.checkin(book, signal())).toEqual({ ok: true, title: '植物学' });
  expect(await desk.checkin(book, signal())).toMatchObject({ ok: false, code: 'REFUSED' });
  expect(await desk.borrower(book, signal())).toBeUndefined();
});

it('finds a reader by school number where the library has another card', async () => {
  const byNumber = { cardKey: 'core:9', personKey: 'core:00000022' };
  expect(await desk.checkout({ ...byNumber, ...book }, signal())).toMatchObject({ ok: true });
  expect(await desk.checkin(book, signal())).toMatchObject({ ok: true });
  const elsewhere = { cardKey: 'other:1000000030', personKey: undefined };
  expect(await desk.checkout({ ...elsewhere, ...book }, signal())).toMatchObject({
    ok: false,
    code: 'REFUSED',
  });
  const noBook = { ...book, item: '9999999999' };
  expect(await desk.checkout({ ...reader, ...noBook }, signal())).toMatchObject({ code: 'REFUSED' });
});

it('says that nothing is known when the library fails, and that it may not lend without being told so', async () => {
  campus.faults.add({ target: 'library', fault: 'busy' });
  expect(await desk.checkout({ ...reader, ...book }, signal())).toMatchObject({
    ok: false,
    code: 'UNREACHABLE',
  });
  const reading = open({});
  expect(deskOf(reading).offers.loans).toBe(false);
  await reading.close();
});
