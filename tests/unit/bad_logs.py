"""Logs of arrivals as JSON lines, and packed traces, that are refused."""

from __future__ import annotations

import gzip

from tests.unit.bad_input import BadInput
from tests.unit.bad_traces import COUNTS

BAD_LOGS = (
    BadInput(
        "JSON that breaks after good lines",
        '{"timestamp": "2026-01-01T00:00:00Z"}\n{"timestamp": 1}}\n',
        ("trace.csv:2: broken JSON: Extra data at column 17",),
    ),
    BadInput(
        "JSON that counts",
        '{"timestamp": 0, "requests": 12}\n{"timestamp": 60, "requests": 9}\n',
        (
            "trace.csv:1: requests: 12 is not allowed: "
            "must not be there: JSON is a log, one line a request; counts are read as CSV",
        ),
    ),
    BadInput(
        "a broken line of JSON",
        '{"timestamp": 1}\n{"timestamp": \n',
        ("trace.csv:2: broken JSON: Expecting value at column 15",),
    ),
    BadInput(
        "JSON without a timestamp",
        '{"timestamp": 1}\n{"time": 2}\n',
        ("trace.csv:2: timestamp: is missing",),
    ),
    BadInput(
        "JSON that is a list",
        "[1, 2]\n",
        ("trace.csv:1: a JSON object with a timestamp is needed on each line",),
    ),
    BadInput(
        "a timestamp that is a switch",
        '{"timestamp": true}\n{"timestamp": 2}\n',
        (
            "trace.csv:1: timestamp: 'true' is not allowed: "
            "must be unix seconds, unix milliseconds or ISO 8601, from 1970 to 2100",
        ),
    ),
    BadInput(
        "JSON too deep",
        '{"timestamp": ' + "[" * 100000,
        ("trace.csv:1: broken JSON: too deeply nested or too long a number",),
    ),
)

BAD_GZIPS = (
    BadInput(
        "no gzip",
        b"timestamp,requests\n",
        ("trace.csv.gz: is not gzip, though its name ends in .gz",),
    ),
    BadInput(
        "a cut gzip",
        gzip.compress(COUNTS.encode() + b"0,1\n" * 99, mtime=0)[:-6],
        (
            "trace.csv.gz: the gzip data are cut or damaged: Compressed file ended before "
            "the end-of-stream marker was reached",
        ),
    ),
    BadInput(
        "a gzip of zeros",
        gzip.compress(bytes(3000000)),
        ("trace.csv.gz: is not a text file (UTF-8)",),
    ),
)
