"""Workloads whose pods were refused, and how long each is left alone. Pure.

What refuses a pod (a quota, an admission policy, a template) refuses the next as well, while the
GPUs that it was given are missing elsewhere: so no node is for such a workload, until the server
says that it would take a pod. Else others would make way for each try.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from controller.actions import Start
from controller.adapters.kubernetes.scale_owners import Obstacle
from controller.cluster_view import Fleet
from controller.policy import WorkloadPolicy
from models.forecast import WorkloadName

#: A quota may have room again at any time, so that one never waits for long.
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 5.0, 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """What refused the last start made by ``policy``, the how-manieth in a row.

    Whether it still would is asked after ``until``, with the pod of ``start``; ``is_over`` once it
    would not.
    """

    policy: WorkloadPolicy
    start: Start
    why: str
    in_a_row: int
    until: float
    is_over: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedStarts:
    """The last refusal of each workload of which no pod was taken since."""

    by_workload: Mapping[WorkloadName, Refusal] = field(default_factory=dict)

    def after_refusal(
        self, policy: WorkloadPolicy, start: Start, why: str, now: float
    ) -> RefusedStarts:
        """Return what is known once a start was refused; those of one tick count once."""
        before = self._of(policy)
        if before is not None and now < before.until:
            in_a_row, until = before.in_a_row, before.until
        else:
            in_a_row = before.in_a_row + 1 if before is not None else 1
            # Far fewer doublings than this reach the longest pause.
            pause = FIRST_PAUSE_SECONDS * 2.0 ** min(in_a_row - 1, 16)
            until = now + min(pause, LONGEST_PAUSE_SECONDS)
        refusal = Refusal(policy=policy, start=start, why=why, in_a_row=in_a_row, until=until)
        return RefusedStarts(by_workload={**self.by_workload, policy.workload: refusal})

    def after_start(self, workload: WorkloadName) -> RefusedStarts:
        """Return what is known once a pod of a workload was taken."""
        if workload not in self.by_workload:
            return self
        others = {name: one for name, one in self.by_workload.items() if name != workload}
        return RefusedStarts(by_workload=others)

    def after_consent(self, policy: WorkloadPolicy) -> RefusedStarts:
        """Return what is known once the server would take a pod: it is tried with a true one."""
        refusal = self._of(policy)
        if refusal is None:
            return self
        over = replace(refusal, is_over=True)
        return RefusedStarts(by_workload={**self.by_workload, policy.workload: over})

    def why_not(self, policy: WorkloadPolicy) -> str:
        """Return why nothing is to be started by a policy now, an empty text if it may be."""
        refusal = self._of(policy)
        return refusal.why if refusal is not None and not refusal.is_over else ""

    def to_ask(self, policies: Iterable[WorkloadPolicy], now: float) -> list[Refusal]:
        """Return the refusals of which it is time to ask whether they still hold."""
        known = map(self._of, policies) if self.by_workload else ()
        return [one for one in known if one is not None and not one.is_over and now >= one.until]

    def shown_on(self, fleet: Fleet, policies: Iterable[WorkloadPolicy]) -> Fleet:
        """Return a fleet whose nodes are not for those whose pods are refused."""
        if not self.by_workload:
            return fleet
        told = ((policy.workload, self.why_not(policy)) for policy in policies)
        refused = tuple((workload, why) for workload, why in told if why)
        nodes = (replace(node, unfit_for=(*node.unfit_for, *refused)) for node in fleet.nodes)
        return replace(fleet, nodes=tuple(nodes)) if refused else fleet

    def obstacles(self, policies: Iterable[WorkloadPolicy]) -> dict[WorkloadName, Obstacle]:
        """Return what people are to be told; a policy that has changed is not judged yet."""
        if not self.by_workload:
            return {}
        known = ((policy.workload, self._of(policy)) for policy in policies)
        return {
            workload: Obstacle(reason="StartRefused", message=refusal.why)
            for workload, refusal in known
            if refusal is not None and not refusal.is_over
        }

    def _of(self, policy: WorkloadPolicy) -> Refusal | None:
        """Return the refusal of a policy as it is now: one that was changed may be mended."""
        refusal = self.by_workload.get(policy.workload)
        return refusal if refusal is not None and refusal.policy == policy else None
