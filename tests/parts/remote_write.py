"""Prometheus's remote write, version 0.1.0, by hand: no library is needed for a few fields.

Wire form: the protobuf message ``WriteRequest`` of the remote write specification, in snappy's
block format made of literals alone, which is legal and compresses nothing.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_LITERAL_BYTES = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenSeries:
    """One series to write: its name, labels, and ``(seconds since the epoch, value)`` in order."""

    name: str
    samples: Sequence[tuple[float, float]]
    labels: Mapping[str, str]


def write_request(series: Sequence[WrittenSeries]) -> bytes:
    """Return the body of one remote write request."""
    return _snappy(b"".join(_field(1, _series(one)) for one in series))


def _series(series: WrittenSeries) -> bytes:
    named = {**series.labels, "__name__": series.name}
    labels = (
        _field(1, _field(1, key.encode()) + _field(2, value.encode()))
        for key, value in sorted(named.items())
    )
    samples = (_field(2, _sample(at, value)) for at, value in series.samples)
    return b"".join((*labels, *samples))


def _sample(at_seconds: float, value: float) -> bytes:
    milliseconds = math.floor(at_seconds * 1000 + 0.5)
    return b"\x09" + struct.pack("<d", value) + b"\x10" + _varint(milliseconds)


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def _snappy(raw: bytes) -> bytes:
    chunks = (raw[i : i + _LITERAL_BYTES] for i in range(0, len(raw), _LITERAL_BYTES))
    # 61 says that the literal's length, less one, follows in two bytes.
    literals = (bytes([61 << 2]) + struct.pack("<H", len(chunk) - 1) + chunk for chunk in chunks)
    return _varint(len(raw)) + b"".join(literals)
