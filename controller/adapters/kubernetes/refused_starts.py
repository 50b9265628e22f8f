"""Workloads whose pods were refused, and how long each is left alone. Pure.

What refuses a pod (a quota, an admission policy, a template) refuses the next as well, while the
GPUs that it was given are missing elsewhere: so for a while no node is for such a workload, and
then only one with room to spare, as nobody shall make way for what may be refused again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from controller.adapters.kubernetes.scale_owners import Obstacle
from controller.cluster_view import Fleet, Node
from controller.policy import WorkloadPolicy
from models.forecast import WorkloadName

#: A quota may have room again at any time, so that one never waits for long.
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 5.0, 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """What refused the last start made by ``policy``, the how-manieth in a row."""

    policy: WorkloadPolicy
    why: str
    in_a_row: int
    until: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedStarts:
    """The last refusal of each workload of which no pod was taken since."""

    by_workload: Mapping[WorkloadName, Refusal] = field(default_factory=dict)

    def after_refusal(self, policy: WorkloadPolicy, why: str, now: float) -> RefusedStarts:
        """Return what is known once a start was refused; those of one tick count once."""
        before = self._of(policy)
        if before is not None and now < before.until:
            in_a_row, until = before.in_a_row, before.until
        else:
            in_a_row = before.in_a_row + 1 if before is not None else 1
            # Far fewer doublings than this reach the longest pause.
            pause = FIRST_PAUSE_SECONDS * 2.0 ** min(in_a_row - 1, 16)
            until = now + min(pause, LONGEST_PAUSE_SECONDS)
        refusal = Refusal(policy=policy, why=why, in_a_row=in_a_row, until=until)
        return RefusedStarts(by_workload={**self.by_workload, policy.workload: refusal})

    def after_start(self, workload: WorkloadName) -> RefusedStarts:
        """Return what is known once a pod of a workload was taken."""
        if workload not in self.by_workload:
            return self
        others = {name: one for name, one in self.by_workload.items() if name != workload}
        return RefusedStarts(by_workload=others)

    def why_not(self, policy: WorkloadPolicy, now: float) -> str:
        """Return why nothing is to be started by a policy now, an empty text if it may be."""
        refusal = self._of(policy)
        return refusal.why if refusal is not None and now < refusal.until else ""

    def shown_on(self, fleet: Fleet, policies: Iterable[WorkloadPolicy], now: float) -> Fleet:
        """Return a fleet whose nodes are not for those that were refused, but to try them again."""
        refused = [one for one in map(self._of, policies) if one is not None]
        if not refused:
            return fleet
        free = fleet.free_gpus()

        def barred(node: Node) -> Node:
            there = tuple(
                (one.policy.workload, one.why)
                for one in refused
                if now < one.until or free.get(node.name, 0) < one.policy.standby.gpus_per_replica
            )
            return replace(node, unfit_for=(*node.unfit_for, *there))

        return replace(fleet, nodes=tuple(map(barred, fleet.nodes)))

    def obstacles(self, policies: Iterable[WorkloadPolicy]) -> dict[WorkloadName, Obstacle]:
        """Return what people are to be told: a policy that has changed is not judged yet."""
        if not self.by_workload:
            return {}
        known = ((policy.workload, self._of(policy)) for policy in policies)
        return {
            workload: Obstacle(reason="StartRefused", message=refusal.why)
            for workload, refusal in known
            if refusal is not None
        }

    def _of(self, policy: WorkloadPolicy) -> Refusal | None:
        """Return the refusal of a policy as it is now: one that was changed may be mended."""
        refusal = self.by_workload.get(policy.workload)
        return refusal if refusal is not None and refusal.policy == policy else None
