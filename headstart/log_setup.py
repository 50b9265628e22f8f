"""How a running process speaks: plain lines for people, JSON lines for machines; to stderr."""

from __future__ import annotations

import json
import logging
import sys
import time

from kafka_link.log import tame


class JsonFormatter(logging.Formatter):
    """One object a line, ``at`` in seconds since the epoch."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        content = {
            "at": round(record.created, 3),
            "level": record.levelname.lower(),
            "source": record.name,
            "text": record.getMessage(),
        }
        if record.exc_info:
            content["traceback"] = self.formatException(record.exc_info)
        return json.dumps(content)


def set_up_logging(*, as_json: bool, level: int = logging.INFO) -> None:
    """Send every logger's lines to stderr; libraries speak only when something is wrong."""
    handler = logging.StreamHandler(sys.stderr)
    if as_json:
        handler.setFormatter(JsonFormatter())
    else:
        plain = logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%H:%M:%SZ")
        plain.converter = time.gmtime
        handler.setFormatter(plain)
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    for package in ("headstart", "predictor", "controller", "models"):
        logging.getLogger(package).setLevel(level)
    # A stream cut at a wanted stop is nothing to report.
    logging.getLogger("uvicorn").setLevel(logging.CRITICAL)
    # The Kafka client logs each attempt to reconnect, and tells only there why it is refused.
    tame()
