"""What is remembered of failed starts: which workload failed on which node, and what to try next.

A frozen value: every method returns a new memory, or the same one if nothing changes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from controller.cluster_view import NodeName, Phase, Replica, ReplicaName, StartKind
from models.forecast import WorkloadName

#: How long a failed pair of workload and node is avoided: an image may be mended by then.
FORGET_AFTER_SECONDS = 1800.0

#: A pool of thousands of nodes that all fail shall not make every tick slower.
_MOST_FAILURES = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class StartFailure:
    """One start that failed or hung. ``is_retried`` once another start has taken its place."""

    replica: ReplicaName
    workload: WorkloadName
    node: NodeName
    kind: StartKind
    attempt: int
    expires_at: float
    is_retried: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PairMemory:
    """The failures not yet forgotten, and how many restores failed since the last success.

    Hangs that began no later than a start that came are not among these. ``hangs`` counts those of
    the streak that ran out of time, so that patience grows with them alone: a start that fails at
    once says nothing of how long one takes.
    """

    failures: tuple[StartFailure, ...] = ()
    streaks: tuple[tuple[WorkloadName, int], ...] = ()
    hangs: tuple[tuple[WorkloadName, int], ...] = ()

    def at(self, now: float) -> PairMemory:
        """Return the memory without what has expired; a streak goes with its last failure."""
        if all(failure.expires_at > now for failure in self.failures):
            return self
        kept = tuple(failure for failure in self.failures if failure.expires_at > now)
        remembered = {failure.workload for failure in kept}
        streaks = tuple(streak for streak in self.streaks if streak[0] in remembered)
        hangs = tuple(streak for streak in self.hangs if streak[0] in remembered)
        return PairMemory(failures=kept, streaks=streaks, hangs=hangs)

    def after_failure(
        self,
        replica: Replica,
        now: float,
        *,
        is_overtaken: bool = False,
        forget_after_seconds: float = FORGET_AFTER_SECONDS,
    ) -> PairMemory:
        """Remember a start that failed or hung; the same replica counts once.

        One that was overtaken, by a start decided no sooner that came ready, lengthens no streak.
        """
        if any(failure.replica == replica.name for failure in self.failures):
            return self
        failure = StartFailure(
            replica=replica.name,
            workload=replica.workload,
            node=replica.node,
            kind=replica.kind,
            attempt=replica.attempt,
            expires_at=now + forget_after_seconds,
        )
        failures = (*self.at(now).failures, failure)[-_MOST_FAILURES:]
        # A cold start that fails says nothing about the snapshot.
        is_restore, is_hang = replica.kind is StartKind.RESTORE, replica.phase is Phase.RESTORING
        longer = self.streak(replica.workload) + (is_restore and not is_overtaken)
        hung = self.hang_streak(replica.workload) + (is_hang and not is_overtaken)
        return PairMemory(
            failures=failures,
            streaks=_with_count(self.streaks, replica.workload, longer),
            hangs=_with_count(self.hangs, replica.workload, hung),
        )

    def after_success(self, replica: Replica) -> PairMemory:
        """Forget what a start that became ready disproves: its pair, and a restore's streak."""
        pair = (replica.workload, replica.node)
        failures = tuple(
            failure for failure in self.failures if (failure.workload, failure.node) != pair
        )
        is_restore = replica.kind is StartKind.RESTORE
        if len(failures) == len(self.failures) and not (
            is_restore and self.streak(replica.workload)
        ):
            return self
        if not is_restore:
            return replace(self, failures=failures)
        return PairMemory(
            failures=failures,
            streaks=_with_count(self.streaks, replica.workload, 0),
            hangs=_with_count(self.hangs, replica.workload, 0),
        )

    def after_retries(self, workload: WorkloadName, count: int) -> PairMemory:
        """Mark the ``count`` oftest tried failures of a workload as retried."""
        owed = set(self._owed(workload)[:count])
        if not owed:
            return self
        failures = tuple(
            replace(failure, is_retried=True) if failure in owed else failure
            for failure in self.failures
        )
        return replace(self, failures=failures)

    def owed_attempts(self, workload: WorkloadName) -> tuple[int, ...]:
        """Return the attempt numbers of the retries that are due, highest first."""
        return tuple(failure.attempt + 1 for failure in self._owed(workload))

    def failed_nodes(self, workload: WorkloadName) -> dict[NodeName, tuple[int, float]]:
        """Return on which nodes the workload failed: how often, and when the last expires."""
        failed: dict[NodeName, tuple[int, float]] = {}
        for one in self.failures:
            if one.workload == workload:
                count, last = failed.get(one.node, (0, 0.0))
                failed[one.node] = (count + 1, max(last, one.expires_at))
        return failed

    def streak(self, workload: WorkloadName) -> int:
        """Return how many restores of the workload have failed since one succeeded."""
        return next((count for name, count in self.streaks if name == workload), 0)

    def hang_streak(self, workload: WorkloadName) -> int:
        """Return how many of those ran out of time."""
        return next((count for name, count in self.hangs if name == workload), 0)

    def _owed(self, workload: WorkloadName) -> list[StartFailure]:
        owed = [one for one in self.failures if one.workload == workload and not one.is_retried]
        return sorted(owed, key=lambda one: (-one.attempt, one.replica))


def _with_count(
    counts: tuple[tuple[WorkloadName, int], ...], workload: WorkloadName, count: int
) -> tuple[tuple[WorkloadName, int], ...]:
    others = tuple(one for one in counts if one[0] != workload)
    return (*others, (workload, count)) if count else others
