"""The plans of a long replay as columns: a million plans as objects would not fit in memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from controller.plan import Plan, Reason
from models.forecast import FloatArray

_REASONS = tuple(Reason)
_CODES = {reason: code for code, reason in enumerate(_REASONS)}
#: The numeric columns, in the order of plans.csv.
COLUMNS = (
    "time",
    "demand_per_second",
    "target",
    "floor",
    "reactive",
    "ready",
    "restoring",
    "lead_time_seconds",
    "quantile_level",
)


@dataclass(slots=True, kw_only=True, eq=False)
class PlanLog:
    """``numbers`` [plans, columns] and the code of each plan's reason."""

    numbers: FloatArray
    codes: FloatArray
    count: int = 0

    @classmethod
    def sized(cls, plans: int) -> PlanLog:
        """Make room for a number of plans."""
        return cls(numbers=np.full((plans, len(COLUMNS)), np.nan), codes=np.zeros(plans, np.int8))

    def add(self, time: float, plan: Plan) -> None:
        """Note one plan made at ``time``."""
        demand = np.nan if plan.demand_per_second is None else plan.demand_per_second
        self.numbers[self.count] = (
            time,
            demand,
            plan.target,
            plan.floor,
            plan.reactive,
            plan.ready,
            plan.restoring,
            plan.lead_time_seconds,
            plan.quantile_level,
        )
        self.codes[self.count] = _CODES[plan.reason]
        self.count += 1

    def column(self, name: str) -> FloatArray:
        """Return one numeric column."""
        return self.numbers[: self.count, COLUMNS.index(name)]

    def share_of(self, reason: Reason) -> float:
        """Return the share of plans with a reason; 0 of none."""
        found = np.count_nonzero(self.codes[: self.count] == _CODES[reason])
        return found / max(self.count, 1)

    def reasons(self) -> list[str]:
        """Return each plan's reason."""
        return [_REASONS[code].value for code in self.codes[: self.count]]
