"""What is remembered of failed starts: which workload failed on which node, and what to try next.

A frozen value: every method returns a new memory, or the same one if nothing changes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from controller.cluster_view import NodeName, Replica, ReplicaName, StartKind
from controller.failure_streak import FORGET_AFTER_SECONDS, FailureStreak
from models.forecast import WorkloadName

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
    """The failures not yet forgotten, and what has failed of each workload in a row.

    Hangs that began no later than a start that came are in no streak.
    """

    failures: tuple[StartFailure, ...] = ()
    streaks: tuple[FailureStreak, ...] = ()

    def at(self, now: float) -> PairMemory:
        """Return the memory without what has expired."""
        failures = tuple(failure for failure in self.failures if failure.expires_at > now)
        streaks = tuple(left for one in self.streaks if (left := one.at(now)).is_anything)
        if len(failures) == len(self.failures) and streaks == self.streaks:
            return self
        return PairMemory(failures=failures, streaks=streaks)

    def after_failure(
        self, replica: Replica, now: float, *, is_overtaken: bool = False
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
            expires_at=now + FORGET_AFTER_SECONDS,
        )
        known = self.at(now)
        failures = (*known.failures, failure)[-_MOST_FAILURES:]
        if is_overtaken:
            return replace(known, failures=failures)
        longer = known.streak_of(replica.workload).after_failure(replica, now)
        return PairMemory(failures=failures, streaks=known._with_streak(longer))

    def after_success(self, replica: Replica) -> PairMemory:
        """Forget what a start that became ready disproves: its pair, and what failed in a row."""
        pair = (replica.workload, replica.node)
        failures = tuple(
            failure for failure in self.failures if (failure.workload, failure.node) != pair
        )
        before = self.streak_of(replica.workload)
        after = before.after_success(replica.kind)
        if len(failures) == len(self.failures) and after == before:
            return self
        return PairMemory(failures=failures, streaks=self._with_streak(after))

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
        return self.streak_of(workload).restores

    def hang_streak(self, workload: WorkloadName, kind: StartKind = StartKind.RESTORE) -> int:
        """Return how many starts of a kind have run out of time since one succeeded."""
        streak = self.streak_of(workload)
        return streak.restore_hangs if kind is StartKind.RESTORE else streak.cold_hangs

    def streak_of(self, workload: WorkloadName) -> FailureStreak:
        """Return what has failed of the workload in a row."""
        found = (streak for streak in self.streaks if streak.workload == workload)
        return next(found, None) or FailureStreak(workload=workload)

    def _with_streak(self, streak: FailureStreak) -> tuple[FailureStreak, ...]:
        others = tuple(one for one in self.streaks if one.workload != streak.workload)
        return (*others, streak) if streak.is_anything else others

    def _owed(self, workload: WorkloadName) -> list[StartFailure]:
        # Where a cold start has failed, neither way has come: its replica begins anew.
        owed = [
            one
            for one in self.failures
            if one.workload == workload and one.kind is StartKind.RESTORE and not one.is_retried
        ]
        return sorted(owed, key=lambda one: (-one.attempt, one.replica))
