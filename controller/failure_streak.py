"""How many starts of one workload have failed in a row, and when another is worth a try.

Frozen values: every method returns a new streak, or the same one if nothing changes. Knows nothing
of nodes, nor of who is started instead.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from controller.cluster_view import Phase, Replica, StartKind
from models.forecast import WorkloadName

#: How long failures are remembered: an image may be mended by then.
FORGET_AFTER_SECONDS = 1800.0
#: While starts are cold since restores fail, one is restored once they have failed for as long
#: again, but within these: a short outage is over in a minute, a broken snapshot stays broken.
SOONEST_TRIAL_SECONDS, LATEST_TRIAL_SECONDS = 60.0, 900.0
#: So many failed starts in a row are no accident, once one failed that was decided since the first
#: did: those decided before may all have met one, and cold starts were not tried yet.
_HOPELESS_STARTS = 24
#: The longest pause between tries while nothing ever comes: each takes a GPU and pulls an image.
LONGEST_PAUSE_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureStreak:
    """What has failed of one workload since something came ready.

    ``restores`` have failed since a restore came, the first of them at ``restores_fail_since``;
    ``starts`` of either kind since any start came, from ``fails_since`` on; these ``is_repeated``
    once one that was decided since then has failed, too. ``restore_hangs`` and ``cold_hangs`` ran
    out of time, so that patience grows with them alone: a start that fails at once says nothing of
    how long one takes, nor does a restore of how long a cold start takes.
    """

    workload: WorkloadName
    restores: int = 0
    restore_hangs: int = 0
    restores_fail_since: float = 0.0
    restore_failed_at: float = 0.0
    starts: int = 0
    is_repeated: bool = False
    cold_hangs: int = 0
    fails_since: float = 0.0
    failed_at: float = 0.0

    def at(self, now: float) -> FailureStreak:
        """Return the streak without what has expired: cold starts keep no belief of restores."""
        if now >= self.failed_at + FORGET_AFTER_SECONDS:
            return FailureStreak(workload=self.workload)
        if self.restores and now >= self.restore_failed_at + FORGET_AFTER_SECONDS:
            return replace(self, restores=0, restore_hangs=0)
        return self

    def after_failure(self, replica: Replica, now: float) -> FailureStreak:
        """Return the streak once a start has failed or hung."""
        is_hang = replica.phase is Phase.RESTORING
        longer = replace(
            self,
            starts=self.starts + 1,
            is_repeated=self.starts > 0
            and (self.is_repeated or replica.decided_at >= self.fails_since),
            fails_since=self.fails_since if self.starts else now,
            failed_at=now,
        )
        if replica.kind is not StartKind.RESTORE:
            return replace(longer, cold_hangs=self.cold_hangs + is_hang)
        return replace(
            longer,
            restores=self.restores + 1,
            restore_hangs=self.restore_hangs + is_hang,
            restores_fail_since=self.restores_fail_since if self.restores else now,
            restore_failed_at=now,
        )

    def after_success(self, kind: StartKind) -> FailureStreak:
        """Return what a start that came leaves of it: a cold start says nothing of the snapshot."""
        if kind is StartKind.RESTORE:
            return replace(self, starts=0, restores=0, restore_hangs=0)
        return replace(self, starts=0, cold_hangs=0)

    @property
    def is_anything(self) -> bool:
        """Whether there is anything to remember."""
        return self.starts + self.restores + self.cold_hangs > 0

    @property
    def is_hopeless(self) -> bool:
        """Whether nothing that starts ever becomes ready."""
        return self.is_repeated and self.starts >= _HOPELESS_STARTS

    def is_trial_due(self, now: float) -> bool:
        """Say whether one restore is worth a try, though restores fail.

        Where cold starts come no more than they do, the two take turns.
        """
        failing = self.restore_failed_at - self.restores_fail_since
        pause = min(max(failing, SOONEST_TRIAL_SECONDS), LATEST_TRIAL_SECONDS)
        is_turn = self.is_hopeless and self.failed_at > self.restore_failed_at
        return is_turn or now >= self.restore_failed_at + pause

    def allowed(self, count: int, under_way: int, now: float) -> int:
        """Return how many of so many starts may be tried now, beside those under way.

        While nothing ever comes it is one at a time, and each once it has been so for as long
        again, or for the longest pause.
        """
        if not self.is_hopeless:
            return count
        pause = min(self.failed_at - self.fails_since, LONGEST_PAUSE_SECONDS)
        is_time = under_way == 0 and now >= self.failed_at + pause
        return min(count, int(is_time))
