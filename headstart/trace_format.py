"""Which format a trace has, told by its first line, and its requests per bin."""

from __future__ import annotations

import csv
import itertools
import json
from collections.abc import Iterator

from headstart.arrivals import ARRIVAL_BIN_SECONDS, bin_arrivals, bin_counts
from headstart.errors import InvalidTraceError
from headstart.trace_rows import columns, json_timestamps
from models.forecast import FloatArray

#: Columns of counts, the first found; any other name might be anything.
_COUNTS = ("requests", "count")
#: Columns of the one log whose numbers are known for no counts, that of Azure's language models.
_AZURE_TOKENS = {"contexttokens", "generatedtokens"}
_KNOWN_HEADERS = (
    "must be timestamp,requests or timestamp,count (counts), or, of a log with one line a request, "
    "timestamp alone or TIMESTAMP,ContextTokens,GeneratedTokens"
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
        _refuse_json_counts(first, name)
        texts = json_timestamps(itertools.chain([first], lines), name)
        origin, requests = bin_arrivals(texts, name=name, first_line=1)
        return origin, ARRIVAL_BIN_SECONDS, requests
    return _read_csv(_header(first, name), lines, name)


def _read_csv(
    header: list[str], lines: Iterator[str], name: str
) -> tuple[float, float, FloatArray]:
    when, width = header.index("timestamp"), len(header)
    counts_at = next((header.index(column) for column in _COUNTS if column in header), None)
    wanted = (when,) if counts_at is None else (when, counts_at)
    timestamps, *counts = columns(lines, wanted, width, name)
    if not timestamps:
        raise InvalidTraceError(f"{name}: a header and no line after it")
    if counts:
        return bin_counts(timestamps, counts[0], name=name, first_line=2)
    origin, requests = bin_arrivals(timestamps, name=name, first_line=2)
    return origin, ARRIVAL_BIN_SECONDS, requests


def _header(line: str, name: str) -> list[str]:
    header = [field.strip().lower() for field in next(csv.reader([line]), [])]
    problem = _problem(header)
    if problem is None:
        return header
    raise InvalidTraceError.at(f"{name}:1", "header", line.strip(), problem)


def _problem(header: list[str]) -> str | None:
    """Return what is wrong with a header, None if nothing is.

    To take a line of counts for one request would be wrong in silence, so only what is certainly
    a log is read as one.
    """
    twice = [column for column in ("timestamp", *_COUNTS) if header.count(column) > 1]
    if twice:
        return f"must have one column {twice[0]}"
    if "timestamp" not in header:
        return _KNOWN_HEADERS
    others = set(header) - {"timestamp"}
    if not others or others == _AZURE_TOKENS or others & set(_COUNTS):
        return None
    return f"{_KNOWN_HEADERS}; {min(others, key=header.index)} may be a count"


def _refuse_json_counts(line: str, name: str) -> None:
    """Refuse JSON that counts: each of its lines is read as one request.

    Raises:
        InvalidTraceError: if the line has a field of counts.
    """
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return  # Whoever reads the lines says what is wrong.
    for field in _COUNTS if isinstance(event, dict) else ():
        if field in event:
            allowed = "must not be there: JSON is a log, one line a request; counts are read as CSV"
            raise InvalidTraceError.at(f"{name}:1", field, json.dumps(event[field]), allowed)
