/**
 * A campus as export files: a list of cards and several files of swipes, the same bytes for the same seed. Among
 * the rows are temporary cards, shared numbers, rows that must be quarantined, and swipes that stand in two files.
 */
import { mkdirSync, renameSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { between, seeded } from './random.js';

/** Fixed, so that a page is as old in every run. */
const EXPORTED_AT = Date.UTC(2026, 8, 1);
const DOORS = 40;

export interface Campus {
  /** Rows of cards and swipes together. */
  readonly rows: number;
  readonly cards: number;
  readonly swipes: number;
}

/** Writes `cards-*.csv` and `swipes-*.csv` into folders of `dir`. @param changes rows altogether */
export function writeCampus(dir: string, changes: number, seed: number): Campus {
  const cards = Math.max(20, Math.round(changes / 50));
  const swipes = changes - cards;
  makeFolders(dir);
  writeCards(dir, 1, cards, new Set());
  const files = 4;
  const perFile = Math.ceil(swipes / files);
  let id = 0;
  for (let file = 0; file < files; file++) {
    const rows: string[] = [];
    for (let i = 0; i < perFile && id < swipes; i++, id++) {
      // A late export repeats some of what stood in the file before.
      const repeats = file > 0 && i < perFile / 50;
      rows.push(swipeRow(repeats ? id - perFile : id, cards, seed));
    }
    writeSwipes(dir, file, rows);
  }
  return { rows: cards + swipes, cards, swipes };
}

export function makeFolders(dir: string): void {
  mkdirSync(join(dir, 'cards'), { recursive: true });
  mkdirSync(join(dir, 'swipes'), { recursive: true });
}

/** One listing of all cards. @param lost card numbers (from 0) that are reported lost in this listing */
export function writeCards(dir: string, number: number, cards: number, lost: ReadonlySet<number>): void {
  const lines = ['cardno,account,sno,name,cardtype,status,cardver,lostflag,cardid'];
  for (let i = 0; i < cards; i++) {
    // Every fiftieth card is temporary, every 400th row unreadable, every 300th shares its number with the one before.
    const type = i % 400 === 399 ? '899' : i % 50 === 49 ? '801' : '800';
    const lostFlag = lost.has(i) ? 1 : 0;
    const version = lost.has(i) ? number : 1;
    lines.push(
      `${100_000 + i},${500_000 + i},S${200_000 + i},学生${i},${type},1,${version},${lostFlag},${uid(i % 300 === 299 ? i - 1 : i)}`,
    );
  }
  drop(
    join(dir, 'cards'),
    `cards-${String(number).padStart(4, '0')}.csv`,
    lines,
    EXPORTED_AT + number * 1000,
  );
}

export function writeSwipes(dir: string, number: number, rows: readonly string[]): void {
  const lines = ['id,credential,time,door,granted', ...rows];
  drop(
    join(dir, 'swipes'),
    `swipes-${String(number).padStart(4, '0')}.csv`,
    lines,
    EXPORTED_AT + number * 1000,
  );
}

/** The same id gives the same row, whatever was drawn before. */
export function swipeRow(id: number, cards: number, seed: number): string {
  const own = seeded(seed * 7919 + id + 1);
  const unknown = own() < 0.05;
  const credential = own() < 0.002 ? 'not a number' : uid(unknown ? cards + id : between(own, 0, cards));
  const at = new Date(EXPORTED_AT + id * 700).toISOString().slice(0, 19).replace('T', ' ');
  const direction = own() < 0.5 ? '进门' : '出门';
  return `${id},${credential},${at},楼${between(own, 0, DOORS)}[${direction}],${own() < 0.95 ? 1 : 0}`;
}

function uid(i: number): string {
  return `1A${(0x100_000 + i).toString(16).toUpperCase()}`;
}

/** Appears whole, as a careful upstream drops it. */
function drop(folder: string, name: string, lines: readonly string[], time: number): void {
  const partial = join(folder, `.${name}.part`);
  writeFileSync(partial, `${lines.join('\n')}\n`);
  utimesSync(partial, time / 1000, time / 1000);
  renameSync(partial, join(folder, name));
}

export interface Pages {
  readonly cards: number;
  readonly swipes: number;
  /** Waiting time between two polls; matters for hubs that keep going. */
  readonly poll?: string;
}

/** Writes hub.yaml beside the exports; every run over them uses it. @returns its path */
export function writeConfig(dir: string, pages: Pages): string {
  const poll = pages.poll ?? '10s';
  const path = join(dir, 'hub.yaml');
  writeFileSync(
    path,
    `version: 1
tenant: crash
# One set of keys for all runs: what is quarantined is sealed with them.
keys: { dir: ./keys }
secrets: { pseudonymKey: a key for tests only }
sources:
  core:
    connector: card-core/files
    options:
      folder: ./cards
      complete: always
      pageRows: ${pages.cards}
      columns: { cardno: cardno, account: account, sno: sno, name: name, cardtype: cardtype, status: status,
        cardver: cardver, lostflag: lostflag, cardid: cardid }
    streams:
      cards: { poll: ${poll} }
  gate:
    connector: access-control/files
    options:
      swipes:
        folder: ./swipes
        complete: always
        pageRows: ${pages.swipes}
        columns: { id: id, credential: credential, occurredAt: time, door: door, granted: granted }
        constants: { credentialProfile: uid-hex }
        address:
          pattern: ^(?<door>.+)\\[(?<direction>进门|出门)\\]$
          directions: { 进门: enter, 出门: exit }
    streams:
      doors: { enabled: false }
      grants: { enabled: false }
      swipes: { after: [core/cards], poll: ${poll} }
    mapping:
      cardSource: core
      personSource: core
      impliesDoors: { class: TURNSTILE }
`,
  );
  return path;
}
