"""Which format a trace has, told by its first lines, and its requests per bin."""

from __future__ import annotations

import csv
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass

from headstart.arrivals import ARRIVAL_BIN_SECONDS, bin_arrivals, bin_counts
from headstart.errors import InvalidTraceError
from headstart.trace_header import COUNTS, fields_of, problem_of
from headstart.trace_rows import columns, json_timestamps
from models.forecast import FloatArray

#: How many rows tell what the columns hold.
_FIRST_ROWS = 100


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bins:
    """Requests by equal bins, NaN where missing.

    ``is_line_each`` says that each known bin is a line of the file, in order, after a header.
    """

    origin_epoch_seconds: float
    bin_seconds: float
    requests: FloatArray
    is_line_each: bool


def read_bins(lines: Iterator[str], name: str) -> Bins:
    """Return the requests that a trace's lines tell of, by bins.

    Raises:
        InvalidTraceError: if the format is unknown or a line is wrong.
    """
    first = next(lines, None)
    if first is None:
        raise InvalidTraceError(f"{name}: the file is empty")
    if first.lstrip().startswith(("{", "[")):
        _refuse_json_counts(first, name)
        texts = json_timestamps(itertools.chain([first], lines), name)
        return _arrivals(texts, name=name, first_line=1)
    rows = list(itertools.islice(lines, _FIRST_ROWS))
    header = _header(first, rows, name)
    return _read_csv(header, itertools.chain(rows, lines), name)


def _read_csv(header: list[str], lines: Iterator[str], name: str) -> Bins:
    when, width = header.index("timestamp"), len(header)
    counts_at = next((header.index(column) for column in COUNTS if column in header), None)
    wanted = (when,) if counts_at is None else (when, counts_at)
    timestamps, *counts = columns(lines, wanted, width, name)
    if not timestamps:
        raise InvalidTraceError(f"{name}: a header and no line after it")
    if not counts:
        return _arrivals(timestamps, name=name, first_line=2)
    origin, seconds, requests = bin_counts(timestamps, counts[0], name=name, first_line=2)
    return Bins(
        origin_epoch_seconds=origin, bin_seconds=seconds, requests=requests, is_line_each=True
    )


def _arrivals(timestamps: list[str], *, name: str, first_line: int) -> Bins:
    origin, requests = bin_arrivals(timestamps, name=name, first_line=first_line)
    return Bins(
        origin_epoch_seconds=origin,
        bin_seconds=ARRIVAL_BIN_SECONDS,
        requests=requests,
        is_line_each=False,
    )


def _header(line: str, rows: list[str], name: str) -> list[str]:
    [header] = _fields([line], name, first_line=1)
    problem = problem_of(header, _fields(rows, name, first_line=2))
    if problem is None:
        return header
    raise InvalidTraceError.at(f"{name}:1", "header", line.strip(), problem)


def _fields(lines: list[str], name: str, *, first_line: int) -> list[list[str]]:
    reader = csv.reader(lines)
    try:
        return list(map(fields_of, reader))
    except csv.Error as error:
        place = f"{name}:{first_line + reader.line_num - 1}"
        raise InvalidTraceError(f"{place}: broken CSV: {error}") from error


def _refuse_json_counts(line: str, name: str) -> None:
    """Refuse JSON that counts: each of its lines is read as one request.

    Raises:
        InvalidTraceError: if the line has a field of counts.
    """
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return  # Whoever reads the lines says what is wrong.
    for field in COUNTS if isinstance(event, dict) else ():
        if field in event:
            allowed = "must not be there: JSON is a log, one line a request; counts are read as CSV"
            raise InvalidTraceError.at(f"{name}:1", field, json.dumps(event[field]), allowed)
