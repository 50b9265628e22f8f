"""Reads a topic of events as a consumer does."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from kafka import KafkaConsumer, TopicPartition

from tests.parts.kafka import KafkaBroker


def everything(broker: KafkaBroker, topic: str) -> list[str]:
    """Return the topic's records, partition by partition."""
    consumer = KafkaConsumer(bootstrap_servers=broker.address, group_id=None)
    found: list[str] = []
    try:
        for number in sorted(consumer.partitions_for_topic(topic)):
            partition = TopicPartition(topic, number)
            consumer.assign([partition])
            consumer.seek_to_beginning(partition)
            end = consumer.end_offsets([partition], timeout_ms=10_000)[partition]
            while consumer.position(partition, timeout_ms=10_000) < end:
                for records in consumer.poll(timeout_ms=500).values():
                    found += [record.value.decode() for record in records]
    finally:
        consumer.close()
    return found


def without_repeats(events: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the first event of each source and id."""
    first: dict[tuple[str, str], dict[str, Any]] = {}
    for event in events:
        first.setdefault((event["source"], event["id"]), event)
    return list(first.values())


def replica_stages(events: Sequence[dict[str, Any]]) -> dict[str, list[tuple[str, str]]]:
    """Return for each replica what was told of it, in order, with how it ended."""
    stages: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for event in events:
        data, kind = event["data"], event["type"].removeprefix("dev.headstart.")
        if "replica" in data:
            stages[data["replica"]].append((kind, data.get("cause", data.get("ending", ""))))
    return stages
