"""What the Kafka client says last, as far as it tells why."""

from __future__ import annotations

import logging

from kafka_link.log import LastWords

REFUSED = "Connection lost: Handshake failed: certificate verify failed"


def having_heard(*texts: str) -> LastWords:
    words = LastWords()
    for text in texts:
        words.emit(logging.LogRecord("kafka", logging.WARNING, "", 0, text, None, None))
    return words


def test_the_newest_warning_is_told() -> None:
    assert having_heard("node 1 is gone", "node 2 is gone").newest(within_seconds=60.0) == (
        "node 2 is gone"
    )


def test_why_a_broker_is_refused_is_not_hidden_by_another_that_is_gone() -> None:
    heard = having_heard(REFUSED, "node 2 is gone", "Bootstrap failed: no broker")
    assert heard.newest(within_seconds=60.0) == REFUSED


def test_what_was_heard_too_long_ago_is_not_told() -> None:
    assert having_heard(REFUSED, "node 2 is gone").newest(within_seconds=-1.0) == ""
