/**
 * Card rows of a card core. One row gives
 *
 *   formal card      hub.person-source, master.card, master.account; master.card-event when it comes from the feed
 *   temporary card,  hub.out-of-scope-card only (filtered): their holders are outside the university's shared
 *   merchant card    data, but their cards still open doors where a grant says so
 *
 * Every value is a function of the row alone, so that a listing and the feed give the same bytes for the same card.
 * Person and account records carry version 0: `cardver` counts changes of one card, and a person may have several.
 */
import type { CardChange, CardRow } from '../connectors/card-core/rows.js';
import type {
  Account,
  Card,
  CardEvent,
  Credential,
  HolderRef,
  OutOfScopeCard,
  PersonSource,
} from '../contracts/types.js';
import type { Loss } from './absence.js';
import { accountOf, accountTopic } from './account.js';
import { inferFreezeCause } from './balance.js';
import { parseCredential, SCHEMES } from './card-number.js';
import type { ParsedCredential, Scheme } from './card-number.js';
import { cardProfileSchema, filterOf, flag, scopeOf } from './card-profile.js';
import type { CardProfile } from './card-profile.js';
import type { CardStatus } from './codes.js';
import * as codes from './codes.js';
import { code, date, fen, instant, mapRow, optionalCode, optionalId, quality, reject } from './fields.js';
import { requiredId, requiredInstant, shownProfile, version } from './fields.js';
import { canonicalIdDocument, isResidentIdNumber } from './ids.js';
import type { RecordKind, StateTopic } from './kind.js';
import { cleanName } from './names.js';
import type { ContractRecord, MapContext, Mapped, Mark } from './outcome.js';
import { textOrNull } from './text.js';
import { businessDate } from './time.js';
import { PULLED_OUT, TRANSACTION_CODE } from './transaction-codes.js';

/** A card lives on one of these two, by its type. */
export const CARD_TOPICS = ['master.card', 'hub.out-of-scope-card'] as const;
export type CardTopic = (typeof CARD_TOPICS)[number];

/** What all cards have, in scope or not. */
interface CommonCard {
  readonly cardKey: string;
  readonly cardId: string;
  readonly version: number;
  readonly status: CardStatus;
  readonly lost: boolean;
  readonly frozen: boolean;
  readonly damaged: boolean;
  readonly locked: boolean;
  readonly validFrom: number | null;
  readonly validUntil: number | null;
  readonly credentials: readonly Credential[];
  readonly marks: Set<Mark>;
}

const NORMAL: CardStatus = { state: 'NORMAL', reason: null };

/** Maps a card row; see the head of this file. */
export function mapCard(row: CardRow, context: MapContext): Mapped {
  return mapRow(() => {
    const profile = context.profile as CardProfile;
    const scope = scopeOf(row.cardtype, profile);
    const common = commonOf(row, profile, context);
    // Read before anything is decided: a feed row whose change cannot be read is quarantined whole.
    const change = row.change === undefined ? null : changeOf(row.change, row, common, context);
    const time = change?.occurredAt ?? context.asOf;
    if (scope !== 'FORMAL') return outOfScope(scope, common, context, time);
    return inScope(row, profile, common, change, context, time);
  });
}

/**
 * The loss that a row reports, read on its own: a row may be refused for its money or its dates, and its card is lost all
 * the same. Null when it reports none, or says neither of which card. Takes any value: the row may have no shape at all.
 */
export function lossOf(row: unknown, profile: CardProfile): Loss | null {
  if (typeof row !== 'object' || row === null) return null;
  const field = (name: string): string | undefined => {
    const value = (row as Readonly<Record<string, unknown>>)[name];
    if (typeof value === 'string') return value;
    return typeof value === 'boolean' || Number.isSafeInteger(value) ? String(Number(value)) : undefined;
  };
  const flagField = profile.lossFlag ?? 'lostflag';
  const isLost = readable(() => flag(field(flagField), flagField));
  const cardId = readable(() => requiredId(field('cardno'), 'cardno'));
  if (isLost?.value !== true || cardId === null) return null;
  const marks = new Set<Mark>();
  const lostAt = lossTime(field('lossdate'), marks);
  const rowVersion = readable(() => version(field('cardver'), 'cardver'))?.value ?? 0;
  return { cardId: cardId.value, version: rowVersion, lostAt, marks: quality(marks) };
}

function commonOf(row: CardRow, profile: CardProfile, context: MapContext): CommonCard {
  const cardId = requiredId(row.cardno, 'cardno');
  const marks = new Set<Mark>();
  const cardKey = `${context.source}:${cardId}`;
  const lossIsBar = profile.lossFlag === 'barflag';
  const bar = flag(row.barflag, 'barflag');
  return {
    cardKey,
    cardId,
    version: version(row.cardver, 'cardver'),
    status:
      row.status === undefined || row.status === ''
        ? NORMAL
        : code(row.status, codes.CARD_STATUS, profile.cardStatus, 'status'),
    lost: lossIsBar ? bar : flag(row.lostflag, 'lostflag'),
    frozen: flag(row.freezeflag, 'freezeflag'),
    damaged: lossIsBar ? false : bar,
    locked: flag(row.lockflag, 'lockflag'),
    validFrom: date(row.indate, 'indate'),
    validUntil: date(row.expdate, 'expdate'),
    credentials: credentialsOf(row, profile, cardKey, marks, context),
    marks,
  };
}

function readCredential(
  profileName: string,
  value: string,
  path: string,
  context: MapContext,
): ParsedCredential {
  const reader = context.readerProfile(profileName);
  if (reader === undefined) {
    reject(
      'READER_PROFILE_MISSING',
      path,
      `no such reader profile ${shownProfile(profileName)}; add it to readers.profiles`,
    );
  }
  return parseCredential(reader, value);
}

const isScheme = (name: string): name is Scheme => (SCHEMES as readonly string[]).includes(name);

function credentialsOf(
  row: CardRow,
  profile: CardProfile,
  cardKey: string,
  marks: Set<Mark>,
  context: MapContext,
): Credential[] {
  const out: Credential[] = [];
  const add = (parsed: ParsedCredential, path: string): void => {
    if (!parsed.ok) {
      if (parsed.reason !== 'UNSTABLE_UID') reject(parsed.reason, path, parsed.detail);
      marks.add('UNSTABLE_UID');
      return;
    }
    const { scheme, value } = parsed;
    if (out.some((other) => other.scheme === scheme && other.value === value)) return;
    out.push({ scheme, value });
    const match = context.cardsByCredential(scheme, value);
    if (match.kind === 'many' || (match.kind === 'one' && match.cardKey !== cardKey))
      marks.add('AMBIGUOUS_CREDENTIAL');
  };
  if (row.cardid !== undefined && row.cardid !== '') {
    add(readCredential(profile.uidProfile ?? 'uid-hex', row.cardid, 'cardid', context), 'cardid');
  }
  for (const [index, given] of (row.credentials ?? []).entries()) {
    const path = `credentials.${index}.value`;
    if (given.value === '') continue;
    if (given.profile !== undefined) add(readCredential(given.profile, given.value, path, context), path);
    else if (given.scheme === 'UID') add(readCredential('uid-hex', given.value, path, context), path);
    else if (given.scheme === 'WG26_3_5') add(readCredential('wg26-3-5', given.value, path, context), path);
    else if (given.scheme !== undefined && isScheme(given.scheme)) {
      reject('READER_PROFILE_MISSING', path, `scheme ${given.scheme} needs the reader profile that wrote it`);
    } else reject('CODE_UNKNOWN', path, `expected one of ${SCHEMES.join(', ')}`);
  }
  return out;
}

function outOfScope(
  kind: 'TEMPORARY' | 'MERCHANT',
  common: CommonCard,
  context: MapContext,
  time: number,
): Mapped {
  const { cardKey, cardId, marks } = common;
  const dataQuality = quality(marks);
  const value: OutOfScopeCard = {
    cardKey,
    source: context.source,
    cardId,
    version: common.version,
    kind,
    state: common.status.state,
    stateReason: common.status.reason,
    lost: common.lost,
    frozen: common.frozen,
    damaged: common.damaged,
    locked: common.locked,
    validFrom: common.validFrom,
    validUntil: common.validUntil,
    credentials: common.credentials,
    changedAt: null,
    dataQuality,
  };
  const record: ContractRecord = {
    topic: 'hub.out-of-scope-card',
    key: cardKey,
    version: common.version,
    value,
    time,
  };
  return { kind: 'records', records: [record], marks: dataQuality, filtered: filterOf(kind) };
}

function inScope(
  row: CardRow,
  profile: CardProfile,
  common: CommonCard,
  change: CardEvent | null,
  context: MapContext,
  time: number,
): Mapped {
  const person = personOf(row, profile, context);
  const holder = person === null ? null : { source: context.source, key: person.personKey };
  if (person === null) common.marks.add('HOLDER_UNKNOWN');
  const account = accountOfCard(row, profile, common, holder, context);
  const card = cardOf(row, profile, common, holder, account, context);
  const records: ContractRecord[] = [];
  if (person !== null) {
    records.push({ topic: 'hub.person-source', key: person.personKey, version: 0, value: person, time });
  }
  records.push({ topic: 'master.card', key: card.cardKey, version: card.version, value: card, time });
  // The new card's row speaks for the account that both share.
  if (account !== null && common.status.state !== 'REPLACED') {
    records.push({ topic: 'master.account', key: account.accountKey, version: 0, value: account, time });
  }
  if (change !== null) {
    const { eventId } = change;
    records.push({
      topic: 'master.card-event',
      key: card.cardKey,
      version: card.version,
      value: change,
      eventId,
      time,
    });
  }
  const marks = new Set<Mark>();
  for (const { dataQuality } of [card, person, account, change].filter((value) => value !== null)) {
    for (const mark of dataQuality) marks.add(mark as Mark);
  }
  return { kind: 'records', records, marks: quality(marks) };
}

/** Null when the row names neither a school number nor an account. */
function personOf(row: CardRow, profile: CardProfile, context: MapContext): PersonSource | null {
  const schoolNumber = optionalId(row.sno, 'sno');
  const account = optionalId(row.account, 'account');
  if (schoolNumber === null && account === null) return null;
  const sourceId = schoolNumber ?? `acc-${account}`;
  const marks = new Set<Mark>();
  const name = cleanName(row.name);
  if (name?.damaged === true) marks.add('NAME_REPLACEMENT_CHARACTERS');
  const personClass = optionalCode(row.pidcode, codes.PERSON_CLASS, profile.personClasses, marks);
  const classOrOther = personClass ?? (textOrNull(row.pidcode) === null ? null : 'OTHER');
  const unitCode = optionalId(row.deptcode, 'deptcode');
  const document = idDocumentOf(row, profile, marks, context);
  const groups: string[] = [];
  if (unitCode !== null) groups.push(`unit:${unitCode}`);
  if (classOrOther !== null) groups.push(`class:${classOrOther}`);
  return {
    personKey: `${context.source}:${sourceId}`,
    source: context.source,
    sourceId,
    version: 0,
    schoolNumber,
    name: name?.name ?? null,
    sex: optionalCode(row.sex, codes.SEX, profile.sexCodes, marks),
    personClass: classOrOther,
    unitCode,
    unitName: textOrNull(row.deptname),
    idDocumentType: document.type,
    idDocumentPseudonym: document.pseudonym,
    groups,
    validFrom: null,
    validUntil: null,
    // A person is not his card: a closed or replaced card leaves its holder as he is.
    state: 'ACTIVE',
    stateReason: null,
    dataQuality: quality(marks),
  };
}

/** The number itself ends here: only its keyed pseudonym goes on. */
function idDocumentOf(row: CardRow, profile: CardProfile, marks: Set<Mark>, context: MapContext) {
  if (row.cert === undefined || row.cert === '') return { type: null, pseudonym: null };
  const number = canonicalIdDocument(row.cert);
  if (number === '') return { type: null, pseudonym: null };
  const type = optionalCode(row.certtype, codes.ID_DOCUMENT_TYPE, profile.idDocumentTypes, marks);
  if (type === '1' && !isResidentIdNumber(number)) marks.add('ID_DOCUMENT_INVALID');
  return { type, pseudonym: context.pseudonym(idDocumentText(type, number)) };
}

/** The text under which the pseudonym of an id document is made; `number` in canonical form. */
export function idDocumentText(type: string | null, number: string): string {
  return `id-document:${type ?? ''}:${number}`;
}

function cardOf(
  row: CardRow,
  profile: CardProfile,
  common: CommonCard,
  holder: HolderRef | null,
  account: Account | null,
  context: MapContext,
): Card {
  const { status, frozen, lost, marks } = common;
  const other = (id: string | null): string | null => (id === null ? null : `${context.source}:${id}`);
  const replacedBy = other(optionalId(row.replaced_by, 'replaced_by'));
  const replaces = other(optionalId(row.replaces, 'replaces'));
  const lostAt = lost ? lossTime(row.lossdate, marks) : null;
  const frozenCause = frozen ? causeOf(row.frozen_cause, row, profile, marks).cause : null;
  return {
    cardKey: common.cardKey,
    source: context.source,
    cardId: common.cardId,
    version: common.version,
    holder,
    accountKey: account?.accountKey ?? null,
    cardType: 'FORMAL',
    state: status.state,
    stateReason: status.reason,
    lost,
    frozen,
    damaged: common.damaged,
    locked: common.locked,
    lostAt,
    frozenCause,
    validFrom: common.validFrom,
    validUntil: common.validUntil,
    replacedBy,
    replaces,
    credentials: common.credentials,
    changedAt: null,
    dataQuality: quality(marks),
  };
}

/** A loss must take effect even when its time is nonsense: quarantining the row would leave a lost card open. */
function lossTime(text: string | undefined, marks: Set<Mark>): number | null {
  const read = readable(() => instant(text, 'lossdate'));
  if (read === null) marks.add('LOST_TIME_UNKNOWN');
  return read?.value ?? null;
}

/** A field on its own; null when it cannot be read. */
function readable<T>(read: () => T): { readonly value: T } | null {
  const found: { value: T }[] = [];
  mapRow(() => {
    found.push({ value: read() });
    return { kind: 'records', records: [], marks: [] };
  });
  return found[0] ?? null;
}

interface FrozenFor {
  readonly cause: string | null;
  readonly inferred: boolean;
}

/** What the source says; else what the transaction that the freeze refers to lets us conclude, marked as such. */
function causeOf(text: string | undefined, row: CardRow, profile: CardProfile, marks: Set<Mark>): FrozenFor {
  const said = optionalCode(text, codes.FROZEN_CAUSE, undefined, marks);
  if (said !== null) return { cause: said, inferred: false };
  if (textOrNull(text) !== null) return { cause: 'OTHER', inferred: false };
  const { status, transcode, offlineflag } = row.frozen_trade ?? {};
  const read = codes.lookUp(transcode ?? '', TRANSACTION_CODE, profile.transactionCodes);
  const cause = inferFreezeCause({
    kind: read?.kind ?? 'UNKNOWN',
    pulledOut: status === PULLED_OUT,
    offline: offlineflag === '1',
  });
  if (cause !== null) marks.add('INFERRED');
  return { cause, inferred: cause !== null };
}

function accountOfCard(
  row: CardRow,
  profile: CardProfile,
  common: CommonCard,
  holder: HolderRef | null,
  context: MapContext,
): Account | null {
  const accountId = optionalId(row.account, 'account');
  if (accountId === null) return null;
  const unit = profile.moneyUnit ?? 'fen';
  // `###` is the card's own account; the others are electronic accounts and not the card's money.
  const wallet = row.accinfo?.find((info) => info.type === '###');
  const closed = common.status.state === 'CLOSED';
  return accountOf({
    accountKey: `${context.source}:${accountId}`,
    source: context.source,
    accountId,
    version: 0,
    holder,
    state: closed ? 'CLOSED' : 'OPEN',
    stateReason: closed ? common.status.reason : null,
    frozen: common.frozen,
    cardWalletFen: fen(row.card_balance, unit, 'card_balance'),
    ledgerFen: fen(row.db_balance, unit, 'db_balance') ?? fen(wallet?.balance, unit, 'accinfo.balance'),
    pendingClaimFen: fen(row.unsettle_amount, unit, 'unsettle_amount'),
    daySpentFen: fen(wallet?.daycostamt, unit, 'accinfo.daycostamt'),
    daySpentOn: date(wallet?.daycostdate, 'accinfo.daycostdate'),
    dayPasswordThresholdFen: fen(wallet?.nonpwdlimit, unit, 'accinfo.nonpwdlimit'),
    openedOn: date(row.createdate, 'createdate'),
    asOf: null,
  });
}

/** Stream name of every card-core connector; part of the event's id. */
const STREAM = 'cards';

function changeOf(change: CardChange, row: CardRow, common: CommonCard, context: MapContext): CardEvent {
  const marks = new Set<Mark>();
  const kind = optionalCode(change.type, codes.CARD_EVENT, undefined, marks) ?? 'UNKNOWN';
  const occurredAt = requiredInstant(change.time, 'change.time');
  const related = optionalId(change.related, 'change.related');
  const profile = context.profile as CardProfile;
  const freeze = kind === 'FROZEN' ? causeOf(change.cause, row, profile, marks) : null;
  return {
    eventId: `${context.source}:${STREAM}:${requiredId(change.seq, 'change.seq')}`,
    source: context.source,
    cardKey: common.cardKey,
    version: common.version,
    kind,
    occurredAt,
    businessDate: businessDate(occurredAt),
    relatedCardKey: related === null ? null : `${context.source}:${related}`,
    channel: textOrNull(change.channel),
    cause: freeze === null ? textOrNull(change.cause) : freeze.cause,
    inferred: freeze?.inferred ?? false,
    dataQuality: quality(marks),
  };
}

const cardTopic = {
  key: 'cardKey',
  gone: 'CLOSED',
  // A replaced card stays so: a view must still know why it denies.
  ended: ['REPLACED'],
} as const satisfies StateTopic<'master.card'>;

export const cardKind: RecordKind = {
  map: (row, context) => mapCard(row as CardRow, context),
  profile: cardProfileSchema,
  state: {
    'hub.person-source': { key: 'personKey', gone: 'LEFT' },
    'master.card': cardTopic,
    'hub.out-of-scope-card': cardTopic,
    'master.account': accountTopic,
  },
  rows: CARD_TOPICS,
  events: { 'master.card-event': { says: ['occurredAt', 'cardKey', 'kind'] } },
  lossOf,
};

/** The card's row where the core has a stream of accounts: then that one owns `master.account`. */
export const cardAloneKind: RecordKind = {
  ...cardKind,
  map: (row, context) => withoutAccount(mapCard(row as CardRow, context)),
  state: {
    'hub.person-source': { key: 'personKey', gone: 'LEFT' },
    'master.card': cardTopic,
    'hub.out-of-scope-card': cardTopic,
  },
};

function withoutAccount(mapped: Mapped): Mapped {
  if (mapped.kind === 'reject') return mapped;
  return { ...mapped, records: mapped.records.filter(({ topic }) => topic !== 'master.account') };
}
