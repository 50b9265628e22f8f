"""Says which records of a topic can't be read, each with its offset, and not without end."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

LOGGER = logging.getLogger(__name__)
MOST_A_MINUTE = 20
MINUTE_SECONDS = 60.0
MOST_CHARACTERS = 200


class PoisonLog:
    """Counts what is skipped and logs it, of a flood some lines a minute. One thread a log."""

    def __init__(self, what: str, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Call the records so."""
        self._what, self._monotonic = what, monotonic
        self._minute_from, self._logged = float("-inf"), 0
        self.count = 0

    def skip(self, record: Any, error: Exception | str) -> None:
        """Note a record that can't be used."""
        self.count += 1
        now = self._monotonic()
        if now - self._minute_from >= MINUTE_SECONDS:
            self._minute_from, self._logged = now, 0
        self._logged += 1
        if self._logged > MOST_A_MINUTE:
            return
        more = " (more of this minute are counted, not logged)"
        LOGGER.warning(
            "kafka: %s-%d: %s at offset %d skipped: %s%s",
            *(record.topic, record.partition, self._what, record.offset),
            *(str(error)[:MOST_CHARACTERS], more if self._logged == MOST_A_MINUTE else ""),
        )
