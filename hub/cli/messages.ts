import type { FacadeError } from '../facade/error.js';
import type { Sip2Error } from '../sip2/error.js';
import type { ConnectorErrorCode } from '../../connectors/sdk.js';
import type { ConfigProblemCode } from '../config/types.js';
import type { LogErrorCode } from '../log/log.js';
import type { SinkErrorCode } from '../sink/error.js';
import type { DevBrokerError } from '../operate/broker-error.js';
import type { LocalErrorCode } from '../operate/local-socket.js';

/** What a closed code means and what to do, for people. */
export interface Message {
  readonly en: string;
  readonly zh: string;
}

const m = (en: string, zh: string): Message => ({ en, zh });

export const LOG_MESSAGES: Readonly<Record<LogErrorCode, Message>> = {
  FENCED: m(
    'Another hub took over this source partition. Nothing is lost.',
    '另一个 hub 已接管该数据分区，数据不会丢失。',
  ),
  DISK_FULL: m('The disk is full. Free space, then start again.', '磁盘已满，请清理空间后重新启动。'),
  DAMAGED: m(
    'The store is damaged. Do not write to it; restore a backup, or start with an empty data folder and read all again.',
    '存储已损坏，请勿继续写入；请从备份恢复，或使用空的数据目录重新同步。',
  ),
  LOCKED: m(
    'Another process has the store open. Stop it, ask it over the running hub, or choose another folder (CARDHUB_DATA).',
    '另一个进程正在使用该存储，请先停止它，或通过 CARDHUB_DATA 选择其他目录。',
  ),
  TOO_LARGE: m('A record or a batch is over its limit.', '记录或批次超过大小限制。'),
  UNKNOWN_TOPIC: m(
    'A topic is missing. Run `cardhub topics apply`.',
    '主题不存在，请运行 cardhub topics apply。',
  ),
  UNAVAILABLE: m(
    'The log cannot be reached. Kafka: check its address and the network. Embedded: check the data folder.',
    '无法访问日志。Kafka：请检查地址和网络；嵌入式：请检查数据目录。',
  ),
  VERSION: m(
    'The store was written by another version of Cardhub. Use that version.',
    '存储由其他版本的 Cardhub 写入，请使用对应版本。',
  ),
  CLOSED: m('The log was closed already.', '日志已关闭。'),
  MISUSE: m(
    'The log was used in a way that it does not allow: please report this.',
    '日志使用方式有误，请报告此问题。',
  ),
};

export const CONNECTOR_MESSAGES: Readonly<Record<ConnectorErrorCode, Message>> = {
  TIMEOUT: m('The upstream system did not answer in time.', '上游系统响应超时。'),
  CONNECTION: m(
    'No connection to the upstream system. Check address, port and firewall.',
    '无法连接上游系统，请检查地址、端口和防火墙。',
  ),
  HTTP_STATUS: m('The upstream system answered with an error status.', '上游系统返回错误状态。'),
  RATE_LIMITED: m('The upstream system asks for fewer requests.', '上游系统限流，请稍后再试。'),
  AUTH: m(
    'The upstream system refused the login. Check key, token and clock.',
    '上游系统拒绝登录，请检查密钥、令牌和时钟。',
  ),
  SIGNATURE: m(
    "The answer's signature is wrong: another key, or somebody in between.",
    '上游应答签名不正确：密钥不符，或传输途中被篡改。',
  ),
  PROTOCOL: m('The answer has not the shape that the upstream promised.', '上游应答格式与约定不符。'),
  TOO_LARGE: m('The answer is over its limit. Ask for smaller pages.', '上游应答过大，请减小每页条数。'),
  BUSINESS: m('The upstream system refused the request.', '上游系统拒绝了该请求。'),
  CONFIG: m("The connector's options do not fit.", '连接器配置有误。'),
  FILE: m('The file is missing or cannot be read.', '文件不存在或无法读取。'),
  CURSOR: m(
    'The upstream no longer knows where we were; a new snapshot is needed.',
    '上游已无法从上次位置继续，需要重新全量同步。',
  ),
};

export const SINK_MESSAGES: Readonly<Record<SinkErrorCode, Message>> = {
  CONFIG: m('The sink does not fit its configuration.', '写库配置有误。'),
  AUTH: m(
    'The database refused the login or a right. Check user, password and grants.',
    '数据库拒绝登录或权限不足，请检查用户、密码和授权。',
  ),
  CONNECTION: m(
    'No connection to the database. Check host, port, TLS and firewall.',
    '无法连接数据库，请检查地址、端口、TLS 和防火墙。',
  ),
  TIMEOUT: m('The database did not answer in time.', '数据库响应超时。'),
  TABLE: m(
    'A table is there that is not of the form that the sink makes. Name a prefix, or drop it.',
    '已有同名但结构不同的表，请设置 prefix 或删除该表。',
  ),
  FENCED: m(
    'Another sink writes the same tables. Nothing is lost.',
    '另一个进程正在写入同一批表，数据不会丢失。',
  ),
  DATABASE: m('The database refused a statement.', '数据库拒绝执行语句。'),
};

/** Reasons of connectors that say more than the code does; others are explained by the code. */
export const REASON_MESSAGES: Readonly<Record<string, Message | undefined>> = {
  UPSTREAM: m(
    'The gateway answers, but the vendor behind it does not: it is off, or its network is cut.',
    '网关正常，但其后的第三方系统无应答：系统停机或网络中断。',
  ),
  WINDOW_CLOSED: m(
    'The bank says that it is not open now; it is asked again when it opens.',
    '银行当前不在服务时段（日终结算等），开放后自动恢复。',
  ),
  BUSY: m('The upstream system is busy.', '上游系统繁忙。'),
  WSDL_CHANGED: m('The bank has changed its interface description.', '银行接口描述（WSDL）已变更。'),
  CERTIFICATE_EXPIRED: m("The bank's certificate has ended.", '银行证书已过期。'),
};

/** Of the facade and of the library desk: what keeps them from listening. */
export const LISTEN_MESSAGES: Readonly<Record<FacadeError['code'] | Sip2Error['code'], Message>> = {
  NOT_LOOPBACK: m('This address needs clients that authenticate.', '该地址要求客户端认证。'),
  NOT_ENCRYPTED: m('This address needs TLS.', '该地址要求使用 TLS。'),
  PORT_IN_USE: m(
    'Another process listens there. Stop it, or choose another port.',
    '端口已被占用，请停止占用的进程或更换端口。',
  ),
  LISTEN_FAILED: m('The system refuses to listen there.', '系统不允许在该地址监听。'),
  TLS_FILES: m('Certificate or key cannot be used.', '证书或私钥无法使用。'),
};

export const BROKER_MESSAGES: Readonly<Record<DevBrokerError['code'], Message>> = {
  IN_USE: m('Another process uses this broker folder.', '该目录上已有 Kafka 进程，请先结束所示进程。'),
  NOT_STARTED: m(
    'The development broker did not start; see its log.',
    '开发用 Kafka 未能启动，请查看其日志。',
  ),
};

export const LOCAL_MESSAGES: Readonly<Record<LocalErrorCode, Message>> = {
  NOT_RUNNING: m('No hub is running on this data folder.', '该数据目录上没有正在运行的 hub。'),
  IN_USE: m('A hub is running on this data folder already.', '该数据目录上已有 hub 在运行。'),
  NOT_ALLOWED: m('The hub belongs to another user.', '该 hub 属于其他用户，请使用相同用户运行。'),
  TIMEOUT: m('The running hub did not answer in time.', '正在运行的 hub 响应超时。'),
  UNKNOWN_REQUEST: m(
    'The running hub does not know this request; it may be another version.',
    '正在运行的 hub 不支持该请求，版本可能不同。',
  ),
  TOO_LARGE: m('The request or the answer is over its limit.', '请求或应答过大。'),
  NOT_JSON: m('Expected JSON.', '应为 JSON 格式。'),
  CUT_OFF: m(
    'The hub ended while it answered; ask `cardhub status`.',
    'hub 在应答途中中断，请用 cardhub status 查看结果。',
  ),
  INTERNAL: m('The running hub failed; see its log.', '正在运行的 hub 出错，请查看其日志。'),
};

export const CONFIG_MESSAGES: Readonly<Record<ConfigProblemCode, Message>> = {
  FILE_MISSING: m('no such file', '配置文件不存在'),
  FILE_UNREADABLE: m('cannot be read', '配置文件无法读取'),
  YAML_SYNTAX: m('not valid YAML', 'YAML 语法错误'),
  ENV_MISSING: m('environment variable not set', '环境变量未设置'),
  UNKNOWN_KEY: m('unknown key', '未知的键'),
  MISSING_KEY: m('missing key', '缺少必需的键'),
  WRONG_TYPE: m('wrong type', '类型不正确'),
  BAD_VALUE: m('value not allowed', '值不符合要求'),
  UNKNOWN_CONNECTOR: m('unknown connector', '未知的连接器'),
  UNKNOWN_STREAM: m('unknown stream', '未知的数据流'),
  UNKNOWN_REFERENCE: m('refers to nothing', '引用的对象不存在'),
  CYCLE: m('goes round in a circle', '循环依赖'),
};

/** Codes of the command line itself. */
export type CliCode = 'USAGE' | 'CONFIG' | 'FILE_EXISTS' | 'INPUT' | 'UNKNOWN_SOURCE' | 'INTERRUPTED' | 'BUG';

export const CLI_MESSAGES: Readonly<Record<CliCode, Message>> = {
  USAGE: m('See --help.', '请查看 --help。'),
  CONFIG: m('The configuration is wrong.', '配置文件有误。'),
  FILE_EXISTS: m('The file is there already; --force replaces it.', '文件已存在；如需覆盖请加 --force。'),
  INPUT: m('The input has not the expected form.', '输入格式不正确。'),
  UNKNOWN_SOURCE: m('No such source in hub.yaml.', 'hub.yaml 中没有该数据源。'),
  INTERRUPTED: m('Interrupted. What was acknowledged is kept.', '已中断，已确认的数据不会丢失。'),
  BUG: m('This is a mistake in Cardhub: please report it.', '这是 Cardhub 的程序错误，请报告。'),
};
