"""A plan's numbers, whether they come from a plan or from a replay's file."""

from __future__ import annotations

from dataclasses import dataclass

from controller.parking_plan import ParkingPlan
from controller.plan import Plan, Upcoming
from headstart.results_reading import PlanRow


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanFacts:
    """What there is to say about one plan. ``at`` in seconds, on the clock of where it came from.

    ``starts`` and ``releases`` count replicas. ``cancels`` has the reason of each start that is
    given up, empty if not known; ``upcoming`` is None if not known. ``parking`` is None where
    restores have one stage, or it is not known; ``waiting`` counts replicas that found no room.
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
    cancels: tuple[str, ...] = ()
    upcoming: tuple[Upcoming, ...] | None = ()
    waiting: int = 0
    parking: ParkingPlan | None = None

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
            cancels=tuple(reason for _, reason in plan.cancels),
            upcoming=plan.upcoming,
            waiting=plan.waiting,
            parking=plan.parking,
        )

    @classmethod
    def of_row(cls, row: PlanRow, *, started: int | None = None) -> PlanFacts:
        """Take the facts from a row of ``plans.csv``, which does not say what is to come.

        ``started`` is how many replicas started then; all that were missing, if it is not known.
        """
        expected = row.ready + row.restoring
        missing = max(0, row.target - expected)
        starts = missing if started is None else started
        surplus = min(row.restoring, max(0, expected - row.target))
        return cls(
            workload="",
            at=row.time,
            target=row.target,
            floor=row.floor,
            reactive=row.reactive,
            ready=row.ready,
            restoring=row.restoring,
            demand_per_second=row.demand_per_second,
            lead_time_seconds=row.lead_time_seconds,
            quantile_level=row.quantile_level,
            reason=row.reason,
            starts=starts,
            releases=max(0, row.ready - row.target),
            cancels=("",) * surplus,
            upcoming=None,
            waiting=max(0, missing - starts),
        )
