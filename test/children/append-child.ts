/** Appends batch after batch until it is killed: `append-child <brokers> <prefix> <source partition>`. */
import { openKafkaLog } from '../../hub/log/kafka/kafka-log.js';
import { appendForever, TOPICS } from '../../hub/log/log.workload.js';

const [brokers, prefix, id] = process.argv.slice(2) as [string, string, string];
const log = await openKafkaLog({
  brokers: brokers.split(','),
  prefix,
  clientId: 'append-child',
  topics: TOPICS,
});
await appendForever(log, id, (sequence) => process.stdout.write(`${sequence}\n`));
