"""What became of the host parts of a replay whose restores have two stages, in numbers. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from controller.simulation_records import Outcome, RecordKind, ReplicaRecord

_FAILED = (Outcome.FAILED, Outcome.HUNG, Outcome.LOST)


@dataclass(frozen=True, slots=True, kw_only=True)
class ParkingTally:
    """Workers that were ``parked``, and what became of them.

    Of those, ``promotions`` were given a GPU, and ``unparked`` were dropped without one.
    ``parked_seconds`` is how long all of them waited in memory, together. ``failures`` are host
    parts that failed, hung, or were lost with their node, and workers that were lost parked.
    """

    parked: int
    promotions: int
    unparked: int
    failures: int
    parked_seconds: float


def tally_parking(records: Iterable[ReplicaRecord], *, end: float) -> ParkingTally:
    """Count the workers of a replay that ended at ``end``."""
    begun = [record for record in records if record.kind != RecordKind.INITIAL]
    parked = [record for record in begun if record.parked_at is not None]
    return ParkingTally(
        parked=len(parked),
        promotions=sum(1 for one in parked if one.started_at is not None),
        unparked=sum(1 for one in begun if one.outcome is Outcome.UNPARKED),
        failures=sum(1 for one in begun if one.started_at is None and one.outcome in _FAILED),
        parked_seconds=sum(_parked_seconds(one, end) for one in parked),
    )


def _parked_seconds(record: ReplicaRecord, end: float) -> float:
    left = (record.started_at, record.released_at, end)
    until = next(instant for instant in left if instant is not None)
    return until - record.parked_at if record.parked_at is not None else 0.0
