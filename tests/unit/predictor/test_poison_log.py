"""A flood of records that can't be read is counted whole, and logged in part."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import pytest

from predictor.adapters.poison_log import MOST_A_MINUTE, PoisonLog


def test_a_flood_is_counted_whole_and_logged_in_part_each_minute(
    caplog: pytest.LogCaptureFixture,
) -> None:
    now = [0.0]
    log = PoisonLog("event", monotonic=lambda: now[0])
    with caplog.at_level(logging.WARNING):
        for offset in range(1000):
            record = SimpleNamespace(topic="t", partition=3, offset=offset)
            now[0] = 60.0 * (offset // 500)
            log.skip(record, ValueError("x" * 1000))
    said = [record.getMessage() for record in caplog.records]
    assert (log.count, len(said)) == (1000, 2 * MOST_A_MINUTE)
    assert said[0] == f"kafka: t-3: event at offset 0 skipped: {'x' * 200}"
    assert said[MOST_A_MINUTE].startswith("kafka: t-3: event at offset 500 skipped")
    assert [line for line in said if "more of this minute" in line] == [
        said[MOST_A_MINUTE - 1],
        said[-1],
    ]
