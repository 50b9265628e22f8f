"""Opening trace files: plain or gzip, CSV or JSON lines; whatever is wrong in one clear line."""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import json
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from operator import itemgetter
from pathlib import Path

from headstart.errors import InvalidTraceError

_GZIP_MAGIC = b"\x1f\x8b"
_BLOCK_CHARACTERS = 1_000_000
_CHUNK_ROWS = 65_536


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
            with io.TextIOWrapper(stream, encoding="utf-8-sig", newline=None) as text:
                yield _text_lines(text, name)
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
    done, blank_from = 0, 0
    for lines in _blocks(stream, name):
        last = len(lines)
        while last and not lines[last - 1].strip():
            last -= 1
        if last and blank_from:
            raise InvalidTraceError(f"{name}:{blank_from}: the line is empty")
        if "" in lines[:last]:
            raise InvalidTraceError(f"{name}:{done + lines.index('') + 1}: the line is empty")
        yield from lines[:last]
        if last < len(lines) and not blank_from:
            blank_from = done + last + 1
        done += len(lines)


def _blocks(stream: io.TextIOWrapper, name: str) -> Iterator[list[str]]:
    """Yield the lines, many at a time: a hundred thousand of them one by one take too long."""
    rest = ""
    while block := stream.read(_BLOCK_CHARACTERS):
        # A limit on the line's length: a file of zeros must not fill the memory as "one line".
        if "\0" in block or len(rest) > _BLOCK_CHARACTERS:
            raise InvalidTraceError(f"{name}: is not a text file (UTF-8)")
        lines = (rest + block).split("\n")
        rest = lines.pop()
        yield lines
    if rest:
        yield [rest]


def columns(
    lines: Iterator[str], wanted: tuple[int, ...], width: int, name: str
) -> tuple[list[str], ...]:
    """Return the wanted columns of the CSV rows that follow a header.

    Raises:
        InvalidTraceError: for broken quoting, or the first row with fewer than ``width`` columns,
            or with more that are not empty.
    """
    taken: tuple[list[str], ...] = tuple([] for _ in wanted)
    reader = csv.reader(lines, strict=True)
    done = 1
    try:
        while rows := list(itertools.islice(reader, _CHUNK_ROWS)):
            if set(map(len, rows)) != {width}:
                _refuse_other_widths(rows, width, name=name, first_line=done + 1)
            for column, index in zip(taken, wanted, strict=True):
                column.extend(map(itemgetter(index), rows))
            done += len(rows)
    except csv.Error as error:
        raise InvalidTraceError(f"{name}:{reader.line_num + 1}: broken CSV: {error}") from error
    return taken


def _refuse_other_widths(rows: list[list[str]], width: int, *, name: str, first_line: int) -> None:
    """Refuse rows that are cut, or whose values are not where the header says.

    Raises:
        InvalidTraceError: for the first of them.
    """
    for line, row in enumerate(rows, start=first_line):
        # Some programs end each line with a comma; nothing is lost with an empty column.
        if len(row) == width or (len(row) > width and not "".join(row[width:]).strip()):
            continue
        found = "1 column" if len(row) == 1 else f"{len(row)} columns"
        hint = "; a comma inside a value needs quotes around it" if len(row) > width else ""
        raise InvalidTraceError(f"{name}:{line}: {found}, the header has {width}{hint}")


def json_timestamps(lines: Iterator[str], name: str) -> list[str]:
    """Return the ``timestamp`` of each JSON line, as text.

    Raises:
        InvalidTraceError: for the first line that is no JSON object with a ``timestamp``.
    """
    texts: list[str] = []
    while chunk := list(itertools.islice(lines, _CHUNK_ROWS)):
        texts += _all_at_once(chunk) or _one_by_one(chunk, name=name, done=len(texts))
    return texts


def _all_at_once(lines: list[str]) -> list[str] | None:
    """Return the timestamps of lines without a fault; None if there may be one."""
    try:
        events = json.loads(f"[{','.join(lines)}]")
        values = [event["timestamp"] for event in events]
    except (ValueError, RecursionError, LookupError, TypeError):
        return None
    if len(values) != len(lines) or not set(map(type, values)) <= {int, float, str}:
        return None
    return list(map(str, values))


def _one_by_one(lines: list[str], *, name: str, done: int) -> list[str]:
    texts: list[str] = []
    for number, line in enumerate(lines, start=done + 1):
        try:
            event = json.loads(line)
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
