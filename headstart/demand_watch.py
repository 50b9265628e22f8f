"""Ends the pause between two ticks when demand has outgrown a plan: a rise may not wait its turn.

Outlooks come by a stream, by a topic's thread or from this very process, so they are looked at,
which costs less than being told in three ways. What a tick decides knows nothing of this.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping

from controller.plan import Plan
from controller.policy import Mode, WorkloadPolicy
from controller.ports import Outlooks
from models.forecast import WorkloadName
from models.outlook import Outlook

LOOK_SECONDS = 0.1


class DemandWatch:
    """``run_forever`` looks at every new outlook once; ``cut_short`` ends the loop's pause."""

    def __init__(
        self,
        outlooks: Outlooks,
        policies: Callable[[], Collection[WorkloadPolicy]],
        plans: Callable[[], Mapping[WorkloadName, Plan]],
        cut_short: Callable[[], None],
    ) -> None:
        """Have seen nothing yet; ``plans`` are the newest, none while the loop is in trouble."""
        self._outlooks, self._policies, self._plans = outlooks, policies, plans
        self._cut_short = cut_short
        self._seen: dict[WorkloadName, Outlook] = {}

    async def run_forever(self) -> None:
        """Look until cancelled."""
        while True:
            self.look()
            await asyncio.sleep(LOOK_SECONDS)

    def look(self) -> None:
        """End the pause if an outlook that is new has more demand than its plan provides for."""
        plans, seen = self._plans(), {}
        for policy in self._policies():
            name = policy.workload
            outlook = self._outlooks.latest(name)
            if outlook is None:
                continue
            seen[name] = outlook
            plan = plans.get(name)
            is_new = self._seen.get(name) is not outlook
            if is_new and plan is not None and is_outgrown(plan, outlook, policy):
                self._cut_short()
        self._seen = seen


def is_outgrown(plan: Plan, outlook: Outlook, policy: WorkloadPolicy) -> bool:
    """Say whether there is more demand than a plan's replicas serve, and there may be more.

    A fall can wait, and a forecast looks a tick further ahead than it must.
    """
    if policy.mode is not Mode.ACT or outlook.reading is None:
        return False
    most = policy.limits.max_replicas
    is_bounded = most is not None and plan.target >= most
    return not is_bounded and outlook.reading.per_second > plan.target * policy.demand_per_replica
