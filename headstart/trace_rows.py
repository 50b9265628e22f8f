"""Opening trace files: plain or gzip, CSV or JSON lines; whatever is wrong in one clear line."""

from __future__ import annotations

import csv
import gzip
import io
import json
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from headstart.errors import InvalidTraceError

_GZIP_MAGIC = b"\x1f\x8b"
_MAX_LINE_CHARACTERS = 1_000_000


@contextmanager
def open_lines(path: Path) -> Iterator[Iterator[str]]:
    """Give the lines of a text file, unpacked if it is gzip, whatever it is called.

    Raises:
        InvalidTraceError: if the file can't be read, is cut, or holds no text.
    """
    name = str(path)
    try:
        with path.open("rb") as raw:
            magic = raw.read(2)
            raw.seek(0)
            packed = magic == _GZIP_MAGIC
            if path.suffix == ".gz" and not packed and magic:
                raise InvalidTraceError(f"{name}: is not gzip, though its name ends in .gz")
            stream = gzip.GzipFile(fileobj=raw) if packed else raw
            # utf-8-sig drops the byte order mark that spreadsheets write.
            yield _text_lines(io.TextIOWrapper(stream, encoding="utf-8-sig", newline=None), name)
    except FileNotFoundError as error:
        raise InvalidTraceError(f"{name}: no such file") from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InvalidTraceError(f"{name}: the gzip data are cut or damaged: {error}") from error
    except UnicodeDecodeError as error:
        raise InvalidTraceError(f"{name}: is not a text file (UTF-8)") from error
    except OSError as error:
        raise InvalidTraceError(f"{name}: can't be read: {error.strerror or error}") from error


def _text_lines(stream: io.TextIOWrapper, name: str) -> Iterator[str]:
    """Yield the lines up to the last that is not blank; so row ``i`` is always line ``i + 1``."""
    number, blank_from = 0, 0
    # A limit on the line's length: a file of zeros must not fill the memory as "one line".
    while line := stream.readline(_MAX_LINE_CHARACTERS):
        number += 1
        if "\0" in line or len(line) == _MAX_LINE_CHARACTERS:
            raise InvalidTraceError(f"{name}: is not a text file (UTF-8)")
        if line.isspace():
            blank_from = blank_from or number
            continue
        if blank_from:
            raise InvalidTraceError(f"{name}:{blank_from}: the line is empty")
        yield line


def columns(
    lines: Iterator[str], wanted: tuple[int, ...], width: int, name: str
) -> tuple[list[str], ...]:
    """Return the wanted columns of the CSV rows that follow a header.

    Raises:
        InvalidTraceError: for the first row with fewer than ``width`` columns or broken quoting.
    """
    taken: tuple[list[str], ...] = tuple([] for _ in wanted)
    appends = [(column.append, index) for column, index in zip(taken, wanted, strict=True)]
    reader = csv.reader(lines, strict=True)
    try:
        for row in reader:
            if len(row) < width:
                found = f"{len(row)} column{'s' if len(row) != 1 else ''}"
                place = f"{name}:{reader.line_num + 1}"
                raise InvalidTraceError(f"{place}: {found}, the header has {width}")
            for append, index in appends:
                append(row[index])
    except csv.Error as error:
        raise InvalidTraceError(f"{name}:{reader.line_num + 1}: broken CSV: {error}") from error
    return taken


def json_timestamps(lines: Iterator[str], name: str) -> list[str]:
    """Return the ``timestamp`` of each JSON line, as text.

    Raises:
        InvalidTraceError: for the first line that is no JSON object with a ``timestamp``.
    """
    texts: list[str] = []
    decode = json.JSONDecoder().decode
    for number, line in enumerate(lines, start=1):
        try:
            event = decode(line)
        except (ValueError, RecursionError) as error:
            raise InvalidTraceError(f"{name}:{number}: broken JSON: {_why(error)}") from error
        texts.append(_timestamp(event, f"{name}:{number}"))
    return texts


def _why(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at column {error.colno}"
    return "too deeply nested or too long a number"


def _timestamp(event: object, place: str) -> str:
    if not isinstance(event, dict):
        raise InvalidTraceError(f"{place}: a JSON object with a timestamp is needed on each line")
    if "timestamp" not in event:
        raise InvalidTraceError(f"{place}: timestamp: is missing")
    value = event["timestamp"]
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return json.dumps(value)
    return repr(value)
