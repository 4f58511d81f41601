/**
 * What the desk's screen shows (field AF), in English and Simplified Chinese. Short: the whole answer 64 should stay
 * below 256 bytes. A school can set each text in hub.yaml (`sip2.institutions.*.messages`).
 */
import type { DenyReason } from '../decide/reasons.js';

export type Language = 'en' | 'zh';
export type ScreenTexts = Readonly<Record<Language, string>>;

const OWN = {
  FROZEN: { en: 'Card frozen for spending only.', zh: '该卡已冻结消费，可借阅' },
  SEE_STAFF: { en: 'Please ask the staff.', zh: '请咨询工作人员' },
  NOT_READY: { en: 'Starting. Try again soon.', zh: '系统启动中，请稍后再试' },
  READER_UNKNOWN: { en: 'Reader not known.', zh: '读者不存在' },
  INSTITUTION_UNKNOWN: { en: 'Not a library of this desk.', zh: '本终端不属于该馆' },
  PIN_WRONG: { en: 'Wrong PIN.', zh: '密码错误' },
  PIN_NOT_CHECKED: { en: 'PINs cannot be checked here.', zh: '此处无法验证密码' },
  LIBRARY_NOT_AVAILABLE: { en: 'Not available here. Ask the staff.', zh: '此处不能办理，请到服务台' },
  LIBRARY_UNREACHABLE: { en: 'Library system: no answer. Not done.', zh: '图书馆系统无响应，未确认办理' },
  LIBRARY_REFUSED: { en: 'Refused by the library system.', zh: '图书馆系统拒绝办理' },
  OFFLINE_REFUSED: { en: 'Offline loans: bring to the staff.', zh: '离线记录请到服务台办理' },
  ITEM_MISSING: { en: 'No item was read.', zh: '未读到图书条码' },
} as const satisfies Readonly<Record<string, ScreenTexts>>;

const REASONS: Partial<Record<DenyReason, ScreenTexts>> = {
  DENY_LOST: { en: 'Card reported lost.', zh: '该卡已挂失' },
  DENY_FROZEN: { en: 'Card frozen.', zh: '该卡已冻结' },
  DENY_REPLACED: { en: 'Card replaced. Use the new one.', zh: '该卡已换卡，请用新卡' },
  DENY_CLOSED: { en: 'Card closed.', zh: '该卡已注销' },
  DENY_EXPIRED: { en: 'Card expired.', zh: '该卡已过期' },
  DENY_NOT_YET_VALID: { en: 'Card not valid yet.', zh: '该卡尚未生效' },
  DENY_NOT_ISSUED: { en: 'No card issued yet.', zh: '尚未发卡' },
  DENY_DAMAGED: { en: 'Card marked as damaged.', zh: '该卡已标记为坏卡' },
  DENY_LOCKED: { en: 'Card locked.', zh: '该卡已锁定' },
  DENY_AMBIGUOUS: { en: 'Number fits several cards.', zh: '卡号对应多张卡' },
  DENY_OUT_OF_SCOPE: { en: 'Temporary card: ask the staff.', zh: '临时卡请到服务台' },
  DENY_HOLDER_LEFT: { en: 'Reader has left.', zh: '读者已离校' },
  DENY_UNKNOWN_CARD: OWN.READER_UNKNOWN,
  DENY_UNKNOWN_PERSON: OWN.READER_UNKNOWN,
  DENY_CARD_NUMBER_INVALID: { en: 'Not a card number.', zh: '卡号格式无效' },
  DENY_READER_PROFILE: OWN.SEE_STAFF,
};

export type ScreenKey = keyof typeof OWN | DenyReason;

/** Keys that a configuration may set. */
export const SCREEN_KEYS: readonly string[] = [...Object.keys(OWN), ...Object.keys(REASONS)];

export type OwnTexts = Readonly<Record<string, Partial<ScreenTexts>>>;

export function screenText(key: ScreenKey, language: Language, own: OwnTexts = {}): string {
  const given = Object.hasOwn(own, key) ? own[key]?.[language] : undefined;
  if (given !== undefined) return given;
  const texts = { ...REASONS, ...OWN }[key] ?? OWN.SEE_STAFF;
  return texts[language];
}

/** The language codes of SIP2 that concern us: 001 English, 024 United Kingdom, 019 Chinese, 027 Taiwanese. */
const CODES: Readonly<Record<string, Language>> = { '001': 'en', '024': 'en', '019': 'zh', '027': 'zh' };

/** The language asked for; `otherwise` for 000 (unknown) and those that we do not speak. */
export function languageOf(code: string, otherwise: Language): Language {
  return CODES[code] ?? otherwise;
}

export function languageCode(language: Language): string {
  return language === 'zh' ? '019' : '001';
}
