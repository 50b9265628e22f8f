"""What a plan does with workers that have no GPU, in words. Pure: facts in, words out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from controller.parking_plan import ParkingPlan

#: Writes an instant.
TimeText = Callable[[float], str]


def workers_text(count: int) -> str:
    """Write a number of workers."""
    return f"{count} {'worker' if count == 1 else 'workers'}"


def stock_text(parking: ParkingPlan | None) -> str:
    """Say which workers there are, to end a sentence about replicas; empty in one stage."""
    if parking is None:
        return ""
    return f"; {workers_text(parking.parked)} parked, {parking.parking} parking"


def need_text(parking: ParkingPlan | None) -> str:
    """Say how many workers there shall be and why; empty in one stage."""
    if parking is None:
        return ""
    return (
        f"There shall be {workers_text(parking.target)}, those on GPUs included: parking and "
        f"promoting one takes {parking.lead_time_seconds:.0f} s, and demand until then is covered "
        f"in {parking.quantile_level * 100:.4g} % of cases."
    )


def effects(
    parking: ParkingPlan, *, starts: int, waiting: int, ready_at: float, time_text: TimeText
) -> list[str]:
    """Return what is done now: promotions, cold starts, parks, and what is dropped or waits.

    Of who may not act, no worker is there to be promoted: its starts are restores.
    """
    promoted, cold = len(parking.promotions), parking.cold
    told = []
    if (others := starts - promoted - cold) > 0:
        verb = "starts" if others == 1 else "start"
        when = f"now, to serve by {time_text(ready_at)}"
        told.append(f"{others} {noun_for(others, 'restore')} {verb} {when}.")
    if promoted:
        verb = "is" if promoted == 1 else "are"
        when = f"now, to serve by {time_text(ready_at)}"
        told.append(f"{promoted} parked {noun_for(promoted, 'worker')} {verb} promoted {when}.")
    if cold:
        told.append(f"{cold} cold {noun_for(cold, 'start')} {_begins(cold)} now.")
    if parking.parks:
        told.append(f"{workers_text(parking.parks)} {_begins(parking.parks)} to be parked now.")
    for reason, count in _reasons(parking).items():
        told.append(f"{workers_text(count)} {'is' if count == 1 else 'are'} dropped: {reason}.")
    if waiting:
        verb = "waits" if waiting == 1 else "wait"
        told.append(f"{waiting} more {verb} until a worker is parked where a GPU is free.")
    if parking.waiting:
        told.append(f"{_roomless(parking.waiting)}: memory, GPUs or disks are taken.")
    return told


def log_parts(parking: ParkingPlan, *, starts: int, cause: str) -> list[str]:
    """Return what is done now as parts of one line, ``cause`` being why replicas start."""
    promoted, cold = len(parking.promotions), parking.cold
    parts = []
    if (others := starts - promoted - cold) > 0:
        parts.append(f"start {others} {noun_for(others, 'restore')}: {cause}")
    if promoted:
        parts.append(f"promote {workers_text(promoted)}: {cause}")
    if cold:
        parts.append(f"start {cold} {noun_for(cold, 'replica')} cold: {cause}")
    if parking.parks:
        level = f"p{parking.quantile_level * 100:.3g}"
        why = f"{level} of the next {parking.lead_time_seconds:.0f} s needs {parking.target}"
        parts.append(f"park {workers_text(parking.parks)}: {why}")
    for reason, count in _reasons(parking).items():
        parts.append(f"drop {workers_text(count)}: {reason}")
    if parts and parking.waiting:
        parts.append(_roomless(parking.waiting))
    return parts


def _reasons(parking: ParkingPlan) -> Counter[str]:
    return Counter(one.reason for one in parking.unparks)


def _roomless(count: int) -> str:
    verb = "finds" if count == 1 else "find"
    return f"{count} more {noun_for(count, 'worker')} {verb} no room to be parked"


def _begins(count: int) -> str:
    return "begins" if count == 1 else "begin"


def noun_for(count: int, noun: str) -> str:
    """Return the noun as so many are called."""
    return noun if count == 1 else f"{noun}s"
