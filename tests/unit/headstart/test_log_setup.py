"""What a process's log lets through."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from headstart.log_setup import set_up_logging
from kafka_link.log import LAST_WORDS


@pytest.fixture(autouse=True)
def root_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def test_why_a_kafka_broker_is_refused_is_heard_but_not_written_at_each_attempt(
    capsys: pytest.CaptureFixture[str],
) -> None:
    set_up_logging(as_json=False)
    for attempt in range(5):
        logging.getLogger("kafka.net.manager").error("refused: attempt %d", attempt)
    assert LAST_WORDS.newest(within_seconds=60.0) == "refused: attempt 4"
    assert capsys.readouterr().err.count("refused") <= 1
