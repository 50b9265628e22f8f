"""The wire form of an outlook as one record of a compacted topic: key, value, and who may say so.

The key is the workload's name, the value the same JSON as everywhere (``codec.py``), or nothing
for a workload that is gone. A header says in whose right it was written: publishers of a group
take turns, and a late word of one that has lost its turn must not stand. Must not read or write
anything itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from models.codec import decode_outlook, encode_outlook
from models.fields import CodecError, Fields
from models.forecast import WorkloadName
from models.outlook import Outlook

FENCE_HEADER = "headstart-fence"

Headers = Iterable[tuple[str, bytes | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fence:
    """The right to publish for one partition of the topic.

    ``generation`` is the consumer group's at the time of the takeover; it rises with each
    rebalance, but begins anew when a broker forgets the group: then ``era`` rises.
    """

    group: str
    era: int
    generation: int

    def yields_to(self, other: Fence) -> bool:
        """Say whether the other took over from this one. Other groups have no say."""
        mine, its = (self.era, self.generation), (other.era, other.generation)
        return self.group == other.group and mine < its


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastRecord:
    """One record; ``outlook`` is None for a workload that is gone."""

    workload: WorkloadName
    fence: Fence
    outlook: Outlook | None


def next_fence(highest: Fence | None, *, group: str, generation: int) -> Fence:
    """Return the right of who takes over in this generation from the highest that was seen."""
    if highest is None or highest.group != group:
        return Fence(group=group, era=1, generation=generation)
    era = highest.era if generation > highest.generation else highest.era + 1
    return Fence(group=group, era=era, generation=generation)


def encode_record(
    record: ForecastRecord,
) -> tuple[bytes, bytes | None, list[tuple[str, bytes]]]:
    """Return key, value and headers.

    Raises:
        CodecError: if a number is not finite.
    """
    value = None
    if record.outlook is not None:
        text = json.dumps(encode_outlook(record.outlook), allow_nan=False, separators=(",", ":"))
        value = text.encode()
    fence = record.fence
    right = {"group": fence.group, "era": fence.era, "generation": fence.generation}
    headers = [(FENCE_HEADER, json.dumps(right, separators=(",", ":")).encode())]
    return record.workload.encode(), value, headers


def decode_record(key: bytes | None, value: bytes | None, headers: Headers) -> ForecastRecord:
    """Return the record that was encoded.

    Raises:
        CodecError: if something is missing or wrong.
    """
    workload = decode_workload(key)
    fence = decode_fence(headers)
    if value is None:
        return ForecastRecord(workload=workload, fence=fence, outlook=None)
    outlook = decode_outlook(_json(value, "value"))
    if outlook.workload != workload:
        raise CodecError(f"value.workload: {outlook.workload!r} given, the key is {workload!r}")
    return ForecastRecord(workload=workload, fence=fence, outlook=outlook)


def decode_workload(key: bytes | None) -> WorkloadName:
    """Return the workload that a key names.

    Raises:
        CodecError: if it names none.
    """
    try:
        name = (key or b"").decode()
    except UnicodeDecodeError as error:
        raise CodecError("key: no UTF-8") from error
    if not name:
        raise CodecError("key: nothing given, the workload's name is required")
    return WorkloadName(name)


def decode_fence(headers: Headers) -> Fence:
    """Return in whose right a record was written.

    Raises:
        CodecError: if it does not say, or not in a way that can be read.
    """
    for name, value in headers:
        if name == FENCE_HEADER:
            fields = Fields(_json(value or b"", "header"), "header")
            return Fence(
                group=fields.text("group"),
                era=fields.whole("era"),
                generation=fields.whole("generation"),
            )
    raise CodecError(f"header {FENCE_HEADER}: nothing given, this header is required")


def _json(value: bytes, path: str) -> dict[str, object]:
    try:
        found = json.loads(value)
    except (ValueError, RecursionError) as error:
        raise CodecError(f"{path}: no JSON") from error
    if not isinstance(found, dict):
        raise CodecError(f"{path}: no object")
    return found
