/** Comma-separated host:port of a broker to use instead of starting one. */
export const BROKERS_VARIABLE = 'KAFKA_BROKERS';
/** Set by the global set-up: why there is no broker. */
export const ABSENT_VARIABLE = 'CARDHUB_KAFKA_ABSENT';
/** Set by the global set-up: the file to which skipped suites append their names. */
export const SKIPS_VARIABLE = 'CARDHUB_KAFKA_SKIPS';
