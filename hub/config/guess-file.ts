/** From the head of an export file: its encoding, its delimiter, and what its columns probably are. */

export interface FileGuess {
  /** WHATWG label. */
  readonly encoding: 'utf-8' | 'gb18030' | 'utf-16le';
  readonly delimiter: ',' | '\t' | ';' | '|';
  readonly header: readonly string[];
  /** Cells of the first row, by column: they show how numbers are written. Never printed. */
  readonly first: Readonly<Record<string, string>>;
  /** `swipes`: it has a time and a place. */
  readonly kind: 'cards' | 'swipes';
  /** Field of the source row → name of the column, in the order of the file. */
  readonly columns: Readonly<Record<string, string>>;
  /** Columns that no field was found for. */
  readonly unknown: readonly string[];
}

/** Names that Chinese universities and vendors give their columns: words, pinyin initials, English. */
const CARD_COLUMNS: Readonly<Record<string, readonly string[]>> = {
  cardno: ['卡号', '卡流水号', 'cardno', 'kh', 'cardnumber', '一卡通号'],
  account: ['账号', '帐号', '卡账号', 'account', 'zh', 'accno'],
  sno: ['学工号', '学号', '工号', '教工号', '人员编号', 'xgh', 'xh', 'gh', 'sno', 'studentno', 'personno'],
  name: ['姓名', 'xm', 'name', 'realname'],
  sex: ['性别', '性别码', 'xb', 'xbm', 'sex', 'gender'],
  accessno: ['门禁卡号', '门禁号', '门禁编号', 'accesscardno', 'accessno', 'mjkh'],
  cardid: ['物理卡号', '物理号', '芯片号', '芯片序列号', 'uid', 'carduid', 'wlkh', 'cardid', 'cardsn'],
  cardtype: ['卡类型', '卡类别', 'klx', 'cardtype'],
  cardname: ['卡名称', 'cardname'],
  status: ['状态', '卡状态', 'kzt', 'status', 'state'],
  lostflag: ['挂失', '挂失标志', '是否挂失', 'lostflag', 'gsbz'],
  freezeflag: ['冻结', '冻结标志', '是否冻结', 'freezeflag', 'djbz'],
  indate: ['生效日期', '启用日期', 'indate', 'sxrq', 'validfrom'],
  expdate: ['有效期', '有效期至', '失效日期', '截止日期', 'expdate', 'yxq', 'validuntil', 'expirydate'],
  createdate: ['开户日期', '发卡日期', 'createdate', 'fkrq', 'khrq'],
  certtype: ['证件类型', 'certtype', 'zjlx', 'sfzjlxm', 'zjlxm'],
  cert: ['证件号', '证件号码', '身份证号', 'cert', 'idno', 'sfzh', 'sfzjh', 'zjhm'],
  pidcode: ['身份代码', '人员类别码', 'rylbm', 'pidcode'],
  pidname: ['身份', '人员类别', '人员类型', 'rylb', 'pidname'],
  deptcode: ['单位号', '单位代码', '部门代码', 'dwh', 'deptcode'],
  deptname: ['单位', '单位名称', '部门', '院系', '学院', '专业', '班级', 'dwmc', 'bm', 'deptname', 'major'],
  db_balance: ['余额', '卡余额', 'ye', 'balance'],
};

const SWIPE_COLUMNS: Readonly<Record<string, readonly string[]>> = {
  id: ['序号', '流水号', '记录号', 'index', 'id', 'seq', 'lsh'],
  credential: ['门禁卡号', '门禁号', '物理卡号', '卡号', 'accesscardno', 'cardno', 'uid', 'kh'],
  occurredAt: ['时间', '刷卡时间', '通行时间', '日期', 'date', 'time', 'datetime', 'sksj', 'occurredat'],
  door: [
    '地点',
    '位置',
    '门',
    '门点',
    '通道',
    '设备',
    '刷卡地点',
    'address',
    'door',
    'doorid',
    'place',
    'dd',
  ],
  direction: ['方向', '进出', '进出方向', 'direction', 'inout'],
  granted: ['结果', '是否通过', '通行结果', 'access', 'granted', 'result', 'pass'],
  reason: ['描述', '说明', '原因', '备注', 'describe', 'description', 'reason', 'ms'],
};

/** Fields without which a file cannot be read at all. */
export const NEEDED: Readonly<Record<FileGuess['kind'], readonly string[]>> = {
  cards: ['cardno'],
  swipes: ['credential', 'occurredAt', 'door'],
};

/** `head`: the first bytes of the file, at least its first line. Undefined: no header can be made out. */
export function guessFile(head: Uint8Array): FileGuess | undefined {
  const decoded = decodeHead(head);
  if (decoded === undefined) return undefined;
  const [line = '', row = ''] = decoded.text.split(/\r?\n|\r/, 2);
  const delimiter = guessDelimiter(line);
  const header = splitHeader(line, delimiter);
  if (header.length < 2 || header.some((cell) => cell === '')) return undefined;
  const swipes = assign(header, SWIPE_COLUMNS);
  const kind = swipes['occurredAt'] !== undefined && swipes['door'] !== undefined ? 'swipes' : 'cards';
  const columns = kind === 'swipes' ? swipes : assign(header, CARD_COLUMNS);
  const used = new Set(Object.values(columns));
  const unknown = header.filter((cell) => !used.has(cell));
  const cells = splitHeader(row, delimiter);
  const first = Object.fromEntries(header.map((column, index) => [column, cells[index] ?? '']));
  return { encoding: decoded.encoding, delimiter, header, first, kind, columns, unknown };
}

function decodeHead(head: Uint8Array): { text: string; encoding: FileGuess['encoding'] } | undefined {
  if (head[0] === 0xff && head[1] === 0xfe) {
    return { text: new TextDecoder('utf-16le').decode(head), encoding: 'utf-16le' };
  }
  for (const encoding of ['utf-8', 'gb18030'] as const) {
    try {
      // `stream`: the head may end in the middle of a character.
      const text = new TextDecoder(encoding, { fatal: true }).decode(head, { stream: true });
      return text.includes('\u0000') ? undefined : { text, encoding };
    } catch {
      continue;
    }
  }
  return undefined;
}

function guessDelimiter(line: string): FileGuess['delimiter'] {
  const candidates = [',', '\t', ';', '|'] as const;
  return candidates.reduce((best, next) => (line.split(next).length > line.split(best).length ? next : best));
}

function splitHeader(line: string, delimiter: string): string[] {
  return line.split(delimiter).map((cell) =>
    cell
      .trim()
      .replace(/^"(.*)"$/, '$1')
      .trim(),
  );
}

/** The first listed name wins, so that `卡号` is the access number of a swipe only where no better column is. */
function assign(
  header: readonly string[],
  fields: Readonly<Record<string, readonly string[]>>,
): Record<string, string> {
  const plain = (text: string): string => text.toLowerCase().replace(/[\s_\-()（）]/g, '');
  const found = new Map<string, string>();
  for (const [field, names] of Object.entries(fields)) {
    const taken = new Set(found.values());
    for (const name of names) {
      const cell = header.find((candidate) => plain(candidate) === plain(name) && !taken.has(candidate));
      if (cell === undefined) continue;
      found.set(field, cell);
      break;
    }
  }
  const order = ([, a]: [string, string], [, b]: [string, string]): number =>
    header.indexOf(a) - header.indexOf(b);
  return Object.fromEntries([...found].sort(order));
}
