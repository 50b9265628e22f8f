"""The newest plans, and those before them, so that a person can ask why it was so."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from controller.plan import Plan
from models.forecast import WorkloadName


class PlanHistory:
    """A bounded number of plans a workload.

    ``newest`` is one read-only mapping that is swapped whole: a reader who holds it sees the
    plans of one tick, never a mixture.
    """

    def __init__(self, *, plans_per_workload: int) -> None:
        """Begin empty."""
        self._most = plans_per_workload
        self._past: dict[WorkloadName, deque[Plan]] = {}
        self._newest: Mapping[WorkloadName, Plan] = MappingProxyType({})

    @property
    def newest(self) -> Mapping[WorkloadName, Plan]:
        """The last tick's plans by workload."""
        return self._newest

    def add(self, plans: Iterable[Plan]) -> None:
        """Keep one tick's plans; a workload without a plan has left, its past is dropped."""
        newest = {plan.workload: plan for plan in plans}
        for workload in self._past.keys() - newest.keys():
            del self._past[workload]
        for workload, plan in newest.items():
            self._past.setdefault(workload, deque(maxlen=self._most)).append(plan)
        self._newest = MappingProxyType(newest)

    def at(self, workload: WorkloadName, at: float) -> Plan | None:
        """Return the plan in force at ``at``, None if that is before the oldest one kept."""
        past = self._past.get(workload, ())
        return next((plan for plan in reversed(past) if plan.at <= at), None)
