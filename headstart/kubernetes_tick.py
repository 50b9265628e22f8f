"""The tick in Kubernetes: policies that are watched, and nothing asked for unless it leads."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from controller.actions import Action, Resize
from controller.adapters.kubernetes.policies import WatchedPolicies
from controller.adapters.kubernetes.status_text import remembered_measurements, remembered_memory
from controller.boosts import Boost
from controller.cluster_view import Fleet
from controller.feedback import begun
from controller.policy import Mode, WorkloadPolicy
from controller.tick import TickResult, tick
from controller.tick_state import TickSettings, TickState
from models.forecast import WorkloadName
from models.lead_time import learn, measurements
from models.outlook import Outlook

#: As old as the view of the cluster may be: somebody may have withdrawn a policy since.
_STALE_AFTER_SECONDS = 30.0


class KubernetesTick:
    """Ticks by the policies in force now; a workload seen for the first time brings its memory.

    A controller that does not lead plans the same, so that it answers reads and has learned
    everything when its turn comes, but asks nothing of the cluster.
    """

    def __init__(
        self,
        policies: WatchedPolicies,
        *,
        is_leading: Callable[[], bool],
        settings: TickSettings,
        boosts: Callable[[float], Mapping[WorkloadName, Boost]] = lambda _now: {},
        obstacles: Callable[[], Collection[WorkloadName]] = tuple,
    ) -> None:
        """Remember nothing yet.

        ``boosts`` says which are in force at a time, ``obstacles`` whose plans nobody can carry
        out at present.
        """
        self._obstacles = obstacles
        self._policies, self._is_leading, self._settings = policies, is_leading, settings
        self._boosts = boosts
        self._remembered: set[WorkloadName] = set()

    def __call__(
        self,
        fleet: Fleet,
        outlooks: Mapping[WorkloadName, Outlook],
        state: TickState,
        now: float,
    ) -> TickResult:
        """Tick once."""
        book = self._policies.book
        for name, policy in book.good.items():
            if name not in self._remembered:
                state = with_memory(state, policy, self._status(name), fleet)
        hindered = frozenset(self._obstacles())
        in_force = _within_reach(book.in_force, hindered)
        settings = replace(self._settings, boosts=self._boosts(now))
        result = tick(fleet, outlooks, state, now, policies=in_force, settings=settings)
        # No sooner: what is read for a tick that fails is lost with it.
        self._remembered.update(book.good)
        if not self._is_leading():
            return replace(result, actions=())
        result = replace(result, actions=_carried_out(result.actions, hindered))
        age = now - self._policies.cache.fresh_at(now)
        if age <= _STALE_AFTER_SECONDS:
            return result
        line = f"the view of the policies is {age:.0f} s old: nothing is done upon it"
        return replace(result, actions=(), events=(*result.events, line))

    def _status(self, name: WorkloadName) -> Mapping[str, Any]:
        status = (self._policies.cache.objects.get(name) or {}).get("status")
        return status if isinstance(status, dict) else {}


def _within_reach(
    policies: Sequence[WorkloadPolicy], hindered: Collection[WorkloadName]
) -> tuple[WorkloadPolicy, ...]:
    """Return the policies, with those only recommending whose target is another's.

    Otherwise demand that the other serves late would teach us, who can't do better.
    """
    return tuple(
        replace(one, mode=Mode.RECOMMEND)
        if one.workload in hindered and one.mode is Mode.ACT
        else one
        for one in policies
    )


def _carried_out(
    actions: Sequence[Action], hindered: Collection[WorkloadName]
) -> tuple[Action, ...]:
    """Return the actions without those that would be refused, tick after tick."""
    return tuple(
        one for one in actions if not (isinstance(one, Resize) and one.workload in hindered)
    )


def with_memory(
    state: TickState, policy: WorkloadPolicy, status: Mapping[str, Any], fleet: Fleet
) -> TickState:
    """Return the state with what a policy's status kept of measured starts and of its calibration.

    A replica whose start is among them is not measured once more, nor is a start learned twice
    that another policy with the same snapshot has brought.
    """
    name = policy.workload
    lead_times, known_until = state.lead_times, float("-inf")
    newest = {one.key: one.at for one in measurements(lead_times)}
    for measurement in remembered_measurements(status):
        if measurement.at > newest.get(measurement.key, float("-inf")):
            lead_times = learn(lead_times, measurement)
        known_until = max(known_until, measurement.at)
    workloads = dict(state.workloads)
    known = workloads.get(name) or remembered_memory(status) or begun(policy)
    judged = frozenset(
        replica.name
        for replica in fleet.replicas
        if replica.workload == name and (replica.ready_at or float("inf")) <= known_until
    )
    workloads[name] = known._replace(judged=known.judged | judged)
    return replace(state, workloads=workloads, lead_times=lead_times)
