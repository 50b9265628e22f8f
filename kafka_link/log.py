"""Tames the Kafka client's log: an outage writes ten lines a second, a refusal is told only there.

A handler that raises would kill the client's network thread, so this one never does.
"""

from __future__ import annotations

import logging
import time

LOGGER = logging.getLogger(__name__)
FORWARD_EVERY_SECONDS = 60.0
MAX_QUOTED = 160
#: Come after the reason when no broker would have us, and would hide it.
SAY_NOTHING = ("Bootstrap failed: ", "Bootstrap bootstrap-")


class LastWords(logging.Handler):
    """Keeps the newest warning, and passes one a minute on."""

    def __init__(self) -> None:
        """Begin with none."""
        super().__init__(logging.WARNING)
        self._text = ""
        self._heard_at = -FORWARD_EVERY_SECONDS
        self._forwarded_at = -FORWARD_EVERY_SECONDS

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record's text."""
        try:
            text = " ".join(record.getMessage().split())[:MAX_QUOTED]
            if text.startswith(SAY_NOTHING):
                return
            self._text = text
            self._heard_at = time.monotonic()
            if self._heard_at - self._forwarded_at >= FORWARD_EVERY_SECONDS:
                self._forwarded_at = self._heard_at
                LOGGER.warning("kafka client: %s", self._text)
        except Exception:  # Whatever it is, the client's thread must live.
            self._text = ""

    def newest(self, *, within_seconds: float) -> str:
        """Return the newest warning if it is that fresh, else nothing."""
        return self._text if time.monotonic() - self._heard_at <= within_seconds else ""


LAST_WORDS = LastWords()


def tame() -> None:
    """Have the client's log end in our handler. Doing it twice changes nothing."""
    client_log = logging.getLogger("kafka")
    client_log.propagate = False
    if LAST_WORDS not in client_log.handlers:
        client_log.addHandler(LAST_WORDS)
