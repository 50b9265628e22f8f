"""A plan's numbers as they come from a running controller, a replay's file, or a plan itself."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from controller.plan import Plan, Upcoming


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanFacts:
    """What there is to say about one plan. ``at`` in seconds, on the clock of where it came from.

    ``starts``, ``releases`` and ``cancels`` count replicas.
    """

    workload: str
    at: float
    target: int
    floor: int
    reactive: int
    ready: int
    restoring: int
    demand_per_second: float | None
    lead_time_seconds: float
    quantile_level: float
    reason: str
    starts: int = 0
    releases: int = 0
    cancels: int = 0
    upcoming: tuple[Upcoming, ...] = ()

    @classmethod
    def of_plan(cls, plan: Plan) -> PlanFacts:
        """Take the facts from a plan."""
        return cls(
            workload=plan.workload,
            at=plan.at,
            target=plan.target,
            floor=plan.floor,
            reactive=plan.reactive,
            ready=plan.ready,
            restoring=plan.restoring,
            demand_per_second=plan.demand_per_second,
            lead_time_seconds=plan.lead_time_seconds,
            quantile_level=plan.quantile_level,
            reason=str(plan.reason),
            starts=plan.starts,
            releases=len(plan.releases),
            cancels=len(plan.cancels),
            upcoming=plan.upcoming,
        )

    @classmethod
    def of_json(cls, answer: Mapping[str, Any]) -> PlanFacts:
        """Take the facts from a controller's answer.

        Raises:
            ValueError: if a field is missing or is not what it should be; says which.
        """
        return cls(
            workload=str(answer.get("workload", "")),
            at=_number(answer, "at"),
            target=_count(answer, "target"),
            floor=_count(answer, "floor"),
            reactive=_count(answer, "reactive"),
            ready=_count(answer, "ready"),
            restoring=_count(answer, "restoring"),
            demand_per_second=_number_or_none(answer, "demandPerSecond"),
            lead_time_seconds=_number(answer, "leadTimeSeconds"),
            quantile_level=_number(answer, "quantileLevel"),
            reason=str(answer.get("reason", "")),
            starts=_count(answer, "starts"),
            releases=_length(answer, "releases"),
            cancels=_length(answer, "cancels"),
            upcoming=tuple(_upcoming(one) for one in answer.get("upcoming") or ()),
        )

    @classmethod
    def of_row(cls, row: Mapping[str, str], *, workload: str) -> PlanFacts:
        """Take the facts from a row of ``plans.csv``.

        Raises:
            ValueError: if a column is missing or is not a number; says which.
        """
        target, ready = _count(row, "target"), _count(row, "ready")
        restoring = _count(row, "restoring")
        return cls(
            workload=workload,
            at=_number(row, "time"),
            target=target,
            floor=_count(row, "floor"),
            reactive=_count(row, "reactive"),
            ready=ready,
            restoring=restoring,
            demand_per_second=_number_or_none(row, "demand_per_second"),
            lead_time_seconds=_number(row, "lead_time_seconds"),
            quantile_level=_number(row, "quantile_level"),
            reason=row.get("reason", ""),
            starts=max(0, target - ready - restoring),
            releases=max(0, ready + restoring - target),
        )


def _number(values: Mapping[str, Any], name: str) -> float:
    number = _number_or_none(values, name)
    if number is None:
        raise ValueError(f"{name}: missing, a number is needed")
    return number


def _number_or_none(values: Mapping[str, Any], name: str) -> float | None:
    value = values.get(name)
    if value is None or value == "":
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{name}: {str(value)[:40]!r} is not allowed: must be a finite number")
    return number


def _count(values: Mapping[str, Any], name: str) -> int:
    return round(_number(values, name))


def _length(values: Mapping[str, Any], name: str) -> int:
    value = values.get(name) or ()
    if not isinstance(value, (list, tuple)):
        raise ValueError(f"{name}: {str(value)[:40]!r} is not allowed: must be a list")
    return len(value)


def _upcoming(value: object) -> Upcoming:
    if not isinstance(value, Mapping):
        raise ValueError(f"upcoming: {str(value)[:40]!r} is not allowed: must be an object")
    return Upcoming(start_at=_number(value, "startAt"), count=_count(value, "count"))
