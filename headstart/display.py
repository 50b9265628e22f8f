"""What a person sees while it runs: a live picture on a terminal, lines or JSON elsewhere."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol, TextIO

from controller.plan import Plan
from headstart.explanation import log_line
from headstart.plan_facts import PlanFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One tick as it is shown; ``at`` in seconds since the epoch, of virtual time in a replay.

    ``progress`` is the share that is done, None for what has no end. ``peak_per_second`` is the
    forecast's peak within the hour or as far as it reaches, ``peak_in_seconds`` how far off.
    ``attained_share`` counts from the beginning, None where nobody counts.
    """

    at: float
    plan: Plan
    capacity_per_replica: float
    progress: float | None = None
    demand_per_second: float | None = None
    peak_per_second: float | None = None
    peak_in_seconds: float | None = None
    attained_share: float | None = None
    objective: float | None = None
    lines: tuple[str, ...] = ()


class Display(AbstractContextManager["Display"], Protocol):
    """Shows moments as they come, and lines in between."""

    def wait(self, line: str) -> None:
        """Say what is being waited for before the first moment."""
        ...

    def show(self, moment: Moment) -> None:
        """Show what is now."""
        ...

    def say(self, line: str) -> None:
        """Show one line that stays."""
        ...


def clock(at: float) -> str:
    """Write the time of day, UTC."""
    return datetime.fromtimestamp(at, tz=UTC).strftime("%H:%M:%S")


def moment_lines(moment: Moment) -> tuple[str, ...]:
    """Return what happened at a moment, a line each: what the plan does and why, then events."""
    why = log_line(PlanFacts.of_plan(moment.plan))
    lines = (why, *moment.lines) if why else moment.lines
    return tuple(f"{clock(moment.at)} {line}" for line in lines)


class PlainDisplay:
    """Lines for a pipe or a log: what happened, and now and then where things stand."""

    def __init__(self, out: TextIO, *, status_every_seconds: float = 600.0) -> None:
        """Write to ``out``; where things stand every so many seconds of shown time."""
        self._out = out
        self._every = status_every_seconds
        self._next_status = float("-inf")

    def __enter__(self) -> PlainDisplay:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Leave what was written."""
        self._out.flush()

    def wait(self, line: str) -> None:
        """Write what is being waited for."""
        self.say(line)

    def show(self, moment: Moment) -> None:
        """Write what happened; and where things stand if that is due."""
        for line in moment_lines(moment):
            self.say(line)
        if moment.at >= self._next_status:
            self._next_status = moment.at + self._every
            self.say(status_line(moment))

    def say(self, line: str) -> None:
        """Write one line."""
        self._out.write(f"{line}\n")
        self._out.flush()


class JsonDisplay:
    """One JSON object a line: every moment as ``tick``, every said line as ``message``."""

    def __init__(self, out: TextIO) -> None:
        """Write to ``out``."""
        self._out = out

    def __enter__(self) -> JsonDisplay:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Leave what was written."""
        self._out.flush()

    def wait(self, line: str) -> None:
        """Write what is being waited for."""
        self.say(line)

    def show(self, moment: Moment) -> None:
        """Write the moment; units are in the names."""
        plan, parking = moment.plan, moment.plan.parking
        workers = {} if parking is None else {"parked": parking.parked, "parking": parking.parking}
        self._write(
            {
                "type": "tick",
                "at": moment.at,
                "workload": plan.workload,
                "demand_per_second": moment.demand_per_second,
                "forecast_peak_per_second": moment.peak_per_second,
                "forecast_peak_in_seconds": moment.peak_in_seconds,
                "target": plan.target,
                "ready": plan.ready,
                "restoring": plan.restoring,
                **workers,
                "starts": plan.starts,
                "releases": len(plan.releases),
                "lead_time_seconds": plan.lead_time_seconds,
                "quantile_level": plan.quantile_level,
                "reason": str(plan.reason),
                "attained_share": moment.attained_share,
                "lines": list(moment_lines(moment)),
            }
        )

    def say(self, line: str) -> None:
        """Write a line as a message."""
        self._write({"type": "message", "text": line})

    def _write(self, value: dict[str, object]) -> None:
        self._out.write(json.dumps(value) + "\n")
        self._out.flush()


def status_line(moment: Moment) -> str:
    """Say in one line where things stand."""
    plan = moment.plan
    demand = "demand unknown"
    if moment.demand_per_second is not None:
        demand = f"demand {moment.demand_per_second:.0f}/s"
    parts = [f"{plan.workload}: {demand}"]
    if moment.peak_per_second is not None and moment.peak_in_seconds is not None:
        parts.append(f"forecast {moment.peak_per_second:.0f}/s in {moment.peak_in_seconds:.0f} s")
    parts.append(f"target {plan.target}, ready {plan.ready}, restoring {plan.restoring}")
    if plan.parking is not None:
        parts.append(f"parked {plan.parking.parked}, parking {plan.parking.parking}")
    parts.append(f"lead time {plan.lead_time_seconds:.0f} s")
    if moment.attained_share is not None:
        parts.append(f"{moment.attained_share * 100:.2f} % in time so far, reckoned by the tick")
    return f"{clock(moment.at)} {'; '.join(parts)}"


def choose_display(
    out: TextIO, *, as_json: bool, live: Callable[[], Display] | None = None
) -> Display:
    """Return JSON if asked for, the live picture on a terminal, plain lines elsewhere."""
    if as_json:
        return JsonDisplay(out)
    if live is not None and out.isatty():
        return live()
    return PlainDisplay(out)
