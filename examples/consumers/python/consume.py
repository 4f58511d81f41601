"""Reads Cardhub's topics from the beginning to their end, read committed, and decodes every record.

Prints for each topic how many records were decoded and the digest, which equal `cardhub reconcile`.
Exit code: 0 all decoded, 1 a record did not decode or a topic is missing, 2 wrong arguments.
"""

import argparse
import json
import pathlib
import sys
import time
from typing import Any

from digest import MODULUS, TopicDigest, record_digest

def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bootstrap", default="127.0.0.1:9092", help="Kafka brokers, host:port,host:port")
    parser.add_argument("--registry", default="http://127.0.0.1:8080/registry", help="URL of the hub's schema registry")
    parser.add_argument("--prefix", default="", help="prefix of the topics, as in hub.yaml")
    parser.add_argument("--topics", default="", help="topics without the prefix, separated by commas; default: all that the registry has")
    parser.add_argument("--timeout", type=float, default=60, help="give up after this many seconds without a record")
    parser.add_argument("--print", action="store_true", dest="show", help="print each decoded record as JSON")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.add_argument("--self-test", action="store_true", help="check the digest against ../digest-vectors.json")
    args = parser.parse_args()
    args.topics = [name for name in args.topics.split(",") if name]
    return args


def topics_of(registry: Any) -> list[str]:
    """Every topic that has a schema: subjects are named by topic."""
    return sorted(subject.removesuffix("-value") for subject in registry.get_subjects() if subject.endswith("-value"))


def state_topics(bootstrap: str, topics: list[str]) -> set[str]:
    """Those that are compacted: of these the newest record of a key counts."""
    from confluent_kafka.admin import AdminClient, ConfigResource

    resources = [ConfigResource(ConfigResource.Type.TOPIC, topic) for topic in topics]
    admin = AdminClient({"bootstrap.servers": bootstrap})  # Kept: answers are lost when it is collected.
    futures = admin.describe_configs(resources, request_timeout=30)
    found = set()
    for resource, future in futures.items():
        try:
            if "compact" in future.result()["cleanup.policy"].value:
                found.add(resource.name)
        except Exception as error:
            raise SystemExit(f"{resource.name}: {error}; is --prefix right, has the hub made its topics?") from error
    return found


def self_test() -> int:
    vectors = json.loads((pathlib.Path(__file__).parent.parent / "digest-vectors.json").read_text("utf-8"))
    total, ok = 0, True
    for row in vectors["records"]:
        value = None if row["valueHex"] is None else bytes.fromhex(row["valueHex"])
        digest = record_digest(row["key"].encode(), value)
        total = (total + digest) % MODULUS
        ok = ok and f"{digest:032x}" == row["digest"]
    ok = ok and f"{total:032x}" == vectors["sum"]
    print("digest: equal to the vectors" if ok else "digest: DIFFERENT from the vectors")
    return 0 if ok else 1


def end_offsets(consumer: Any, topic: str) -> dict[int, tuple[int, int]]:
    """Partition -> (first offset, committed end) as they stand now."""
    from confluent_kafka import TopicPartition

    metadata = consumer.list_topics(topic, timeout=30).topics[topic]
    if metadata.error is not None:
        raise SystemExit(f"{topic}: {metadata.error.str()}; is --prefix right, has the hub made its topics?")
    return {
        partition: consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=30)
        for partition in metadata.partitions
    }


def read_topic(args: argparse.Namespace, name: str, is_state: bool, deserialize: Any) -> dict[str, Any]:
    from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition
    from confluent_kafka.serialization import MessageField, SerializationContext

    topic = args.prefix + name
    consumer = Consumer(
        {
            "bootstrap.servers": args.bootstrap,
            "group.id": "cardhub-example",  # Never used: partitions are assigned by hand, nothing is committed.
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
        }
    )
    ends = end_offsets(consumer, topic)
    # Compaction, transaction markers and aborted records leave gaps, so a partition is done when its position
    # has passed the end noted at the start; records that came later are left out.
    waiting = {partition: end for partition, (start, end) in ends.items() if end > start}
    digest, failed, tombstones = TopicDigest(is_state), 0, 0
    consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in waiting])
    context = SerializationContext(topic, MessageField.VALUE)
    last_news = time.monotonic()
    while waiting:
        messages = consumer.consume(num_messages=500, timeout=0.5)
        if not messages and time.monotonic() - last_news > args.timeout:
            raise SystemExit(f"{topic}: nothing for {args.timeout} s; partitions not read to their end: {sorted(waiting)}")
        for message in messages:
            last_news = time.monotonic()
            partition = message.partition()
            if message.error() is not None:
                if message.error().code() != KafkaError._PARTITION_EOF:
                    raise KafkaException(message.error())
                waiting.pop(partition, None)
                continue
            if message.offset() >= ends[partition][1]:
                waiting.pop(partition, None)
                continue
            digest.add(message.key(), message.value())
            if message.value() is None:
                tombstones += 1
            else:
                try:
                    record = deserialize(message.value(), context)
                    if args.show:
                        print(json.dumps({"topic": name, "key": message.key().decode(), "value": record}, default=str, ensure_ascii=False))
                except Exception as error:  # Any failure to decode is a finding; count it and go on.
                    failed += 1
                    print(f"{topic}/{partition}@{message.offset()}: {error}", file=sys.stderr)
            if message.offset() + 1 >= ends[partition][1]:
                waiting.pop(partition, None)
    consumer.close()
    return {
        "topic": name,
        "kind": "state" if is_state else "event",
        "records": digest.records,
        "keys": digest.keys,
        "tombstones": tombstones,
        "failed": failed,
        "digest": digest.hex,
    }


def main() -> int:
    args = arguments()
    if args.self_test:
        return self_test()
    from confluent_kafka.schema_registry import SchemaRegistryClient
    from confluent_kafka.schema_registry.avro import AvroDeserializer

    registry = SchemaRegistryClient({"url": args.registry})
    deserialize = AvroDeserializer(registry)
    names = args.topics or topics_of(registry)
    state = state_topics(args.bootstrap, [args.prefix + name for name in names])
    results = [read_topic(args, name, args.prefix + name in state, deserialize) for name in names]
    if args.json:
        print(json.dumps({"topics": results}))
    else:
        for row in results:
            print(f"{row['topic']:24} {row['kind']:5} {row['records']:>9} records {row['keys']:>9} keys  {row['digest']}  failed {row['failed']}")
    return 1 if any(row["failed"] for row in results) else 0


if __name__ == "__main__":
    sys.exit(main())
