"""Which format a trace has, told by its first line, and its requests per bin."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Iterator

from headstart.arrivals import ARRIVAL_BIN_SECONDS, bin_arrivals, bin_counts
from headstart.errors import InvalidTraceError
from headstart.trace_rows import columns, json_timestamps
from models.forecast import FloatArray

_KNOWN_HEADERS = (
    "must be timestamp,requests (counts), "
    "or TIMESTAMP,ContextTokens,GeneratedTokens (one line a request)"
)


def read_bins(lines: Iterator[str], name: str) -> tuple[float, float, FloatArray]:
    """Return where the first bin starts (epoch seconds), the bin in seconds, and the counts.

    Raises:
        InvalidTraceError: if the format is unknown or a line is wrong.
    """
    first = next(lines, None)
    if first is None:
        raise InvalidTraceError(f"{name}: the file is empty")
    if first.lstrip().startswith(("{", "[")):
        texts = json_timestamps(itertools.chain([first], lines), name)
        origin, requests = bin_arrivals(texts, name=name, first_line=1)
        return origin, ARRIVAL_BIN_SECONDS, requests
    return _read_csv(_header(first, name), lines, name)


def _read_csv(
    header: list[str], lines: Iterator[str], name: str
) -> tuple[float, float, FloatArray]:
    when, width = header.index("timestamp"), len(header)
    wanted = (when, header.index("requests")) if "requests" in header else (when,)
    timestamps, *counts = columns(lines, wanted, width, name)
    if not timestamps:
        raise InvalidTraceError(f"{name}: a header and no line after it")
    if counts:
        return bin_counts(timestamps, counts[0], name=name, first_line=2)
    origin, requests = bin_arrivals(timestamps, name=name, first_line=2)
    return origin, ARRIVAL_BIN_SECONDS, requests


def _header(line: str, name: str) -> list[str]:
    header = [field.strip().lower() for field in next(csv.reader([line]), [])]
    # Columns of tokens, or none, mark a log of arrivals. Anything else might be a count, and
    # to take a line of counts for one request would be wrong in silence.
    others = [field for field in header if field not in ("timestamp", "requests")]
    is_log = "requests" not in header and any("token" in field for field in others)
    if "timestamp" in header and ("requests" in header or not others or is_log):
        return header
    raise InvalidTraceError.at(f"{name}:1", "header", line.strip(), _KNOWN_HEADERS)
