/** kafkajs' errors → the closed codes of `log.ts`. Types are compared, never texts. */
import { LogError } from '../log.js';

interface KafkaError {
  readonly type?: string;
  readonly name?: string;
  readonly cause?: unknown;
  readonly message?: string;
}

/** The protocol error's type (`INVALID_PRODUCER_EPOCH`), else the class of the error, looking through wrappers. */
export function kafkaErrorType(error: unknown): string {
  let current = error as KafkaError | undefined;
  let name = 'Error';
  for (let depth = 0; current !== undefined && current !== null && depth < 10; depth++) {
    if (typeof current.type === 'string') return current.type;
    name = current.name ?? name;
    current = current.cause as KafkaError | undefined;
  }
  return name;
}

const FENCED = new Set(['INVALID_PRODUCER_EPOCH', 'PRODUCER_FENCED']);
const TOO_LARGE = new Set(['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE']);
/** Needs an operator: trying at once would only repeat it. */
const LATER = new Set([
  'KAFKA_STORAGE_ERROR',
  'NOT_ENOUGH_REPLICAS',
  'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
  'TOPIC_AUTHORIZATION_FAILED',
  'GROUP_AUTHORIZATION_FAILED',
  'CLUSTER_AUTHORIZATION_FAILED',
  'TRANSACTIONAL_ID_AUTHORIZATION_FAILED',
  'SASL_AUTHENTICATION_FAILED',
  'KafkaJSSASLAuthenticationError',
  'KafkaJSConnectionError',
  'ECONNREFUSED',
]);

/** `doing`: what was tried and where, for the message. */
export function toLogError(error: unknown, doing: string): LogError {
  if (error instanceof LogError) return error;
  const type = kafkaErrorType(error);
  const said = `${doing}: Kafka answered ${type} (${(error as Error).message})`;
  if (FENCED.has(type)) {
    return new LogError('FENCED', `${said}. Another writer took over; stop and rejoin.`, 'never', {
      cause: error,
    });
  }
  if (TOO_LARGE.has(type)) {
    return new LogError(
      'TOO_LARGE',
      `${said}. Set max.message.bytes of the topic to at least 1048588.`,
      'never',
      { cause: error },
    );
  }
  return new LogError('UNAVAILABLE', `${said}.`, LATER.has(type) ? 'later' : 'now', { cause: error });
}
