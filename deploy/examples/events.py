"""Reads Headstart's events and prints a line each; repeats are dropped by source and id.

python deploy/examples/events.py HOST:PORT TOPIC
"""

import json
import sys
from collections import OrderedDict

from kafka import KafkaConsumer
from kafka.errors import KafkaError

#: More than what is sent again at a time; who must never act twice keeps ids with what it did.
REMEMBERED = 20_000


def main(servers: str, topic: str) -> None:
    """Read until ended."""
    consumer = KafkaConsumer(
        topic,
        bootstrap_servers=servers.split(","),
        group_id="headstart-example",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        reconnect_backoff_max_ms=1_000,
    )
    seen: OrderedDict[tuple[str, str], None] = OrderedDict()
    while True:
        try:
            for records in consumer.poll(timeout_ms=500).values():
                for record in records:
                    event = json.loads(record.value)
                    name = event["source"], event["id"]
                    if name not in seen:
                        sys.stdout.write(f"{event['time']} {event['type']} {event['data']}\n")
                        sys.stdout.flush()
                    seen[name] = None
                    if len(seen) > REMEMBERED:
                        seen.popitem(last=False)
            consumer.commit()  # after the work: what was under way at a crash comes again
        except KafkaError as error:
            sys.stderr.write(f"goes on: {error}\n")


if __name__ == "__main__":
    main(*sys.argv[1:3])
