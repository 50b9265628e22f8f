"""What the header of a CSV trace says, with its first rows: counts, or a log of requests. Pure.

To take a line of counts for one request would be wrong in silence, so only what is certainly a
log is read as one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from headstart.timestamps import BadTimestampError, to_epoch_seconds

#: Columns of counts, the first found; any other name might be anything.
COUNTS = ("requests", "count")
#: Columns of the one log whose numbers are known for no counts, that of Azure's language models.
_AZURE_TOKENS = {"contexttokens", "generatedtokens"}
#: What others call the tokens of a request and of its answer.
_ASKED = re.compile(r"(request|prompt|input|context).*tokens?")
_ANSWERED = re.compile(r"(response|completion|output|generated|answer).*tokens?")
#: Shorter bins nobody sums tokens by; by so much of a bin a log is uneven.
_LEAST_BIN_SECONDS, _UNEVEN = 10.0, 0.01
#: The right one after those that have it in numbers, before the blank that times have in them.
_SEPARATORS = (";", "\t", "|", ",", " ")
_STATUS_NAMES = {"status", "status_code"}
#: Begins as a word or a path does, or as an id in hexadecimal digits: neither is a count.
_WORD = re.compile(r"[^\W\d_]|/|[0-9a-f]{8}-")
_HTTP_STATUS = re.compile(r"[1-5]\d\d")
#: Stands for a value that is not known, of a column of numbers, too.
_BLANKS = {"", "-", "na", "n/a", "nan", "nil", "none", "null", "inf", "infinity"}

_LOGS = (
    "of a log with one line a request, timestamp alone or beside words and status codes, "
    "or TIMESTAMP,ContextTokens,GeneratedTokens"
)
ALLOWED = f"must be timestamp,requests or timestamp,count (counts), or, {_LOGS}"


def fields_of(row: Sequence[str]) -> list[str]:
    """Return the fields of a row as they are compared."""
    return [field.strip().lower() for field in row]


def problem_of(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str | None:
    """Return what is wrong with a header, given the first rows; None if nothing is.

    All as `fields_of` returns it.
    """
    twice = [column for column in ("timestamp", *COUNTS) if header.count(column) > 1]
    if twice:
        return f"must have one column {twice[0]}"
    if "timestamp" not in header:
        return f"{_fault_of(','.join(header))}{ALLOWED}"
    others = set(header) - {"timestamp"}
    if others == _AZURE_TOKENS or others & set(COUNTS) or _tells_tokens(header, rows):
        return None
    for place, column in enumerate(header):
        values = [row[place] for row in rows if place < len(row)]
        if column != "timestamp" and not _counts_nothing(column, values):
            return (
                f"{ALLOWED}; {column or 'a column without a name'} may be a count: "
                "call it count if it counts requests, leave it out only if each line is one request"
            )
    return None


def _fault_of(line: str) -> str:
    """Say what may be wrong with a first line that names no column timestamp; nothing if unknown.

    That are other separators, as spreadsheets write where the comma is in numbers, and no header.
    """
    for mark in _SEPARATORS:
        fields = [field.strip(' "') for field in line.split(mark)]
        wrong = "" if mark == "," else f"is separated by {mark!r}, must be separated by ','; "
        if "timestamp" in fields:
            return wrong
        if (mark in line or mark == ",") and any(map(_is_time, fields)):
            return f"{wrong}is no header, the first line must name the columns: "
    return ""


def _is_time(field: str) -> bool:
    try:
        to_epoch_seconds([field.upper()])
    except BadTimestampError:
        return False
    return True


def _tells_tokens(header: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Say whether each line has one request's tokens: sums of tokens stand at even intervals."""
    if not all(any(map(side.search, header)) for side in (_ASKED, _ANSWERED)):
        return False
    place = header.index("timestamp")
    try:
        times = to_epoch_seconds([row[place].upper() for row in rows if place < len(row)])
    except BadTimestampError:
        return False
    gaps = np.diff(np.sort(times))
    gaps = gaps[gaps > 0]
    if not len(gaps) or gaps.min() < _LEAST_BIN_SECONDS:
        return bool(len(gaps))
    # Bins that are missing, or that several lines share, are whole numbers of bins apart.
    apart = gaps / gaps.min()
    return bool(np.abs(apart - apart.round()).max() > _UNEVEN)


def _counts_nothing(column: str, values: Sequence[str]) -> bool:
    """Say whether a column can't be one of counts: words throughout, or HTTP's status codes."""
    known = [value for value in values if value not in _BLANKS]
    if not known:
        return False
    if column in _STATUS_NAMES and all(map(_HTTP_STATUS.fullmatch, known)):
        return True
    return all(map(_WORD.match, known))
