"""Metrics of starts: how they ended, and how long each part of them took."""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable

from prometheus_client import CollectorRegistry, Counter, Histogram

from controller.actions import Action
from controller.cluster_view import Fleet, ReplicaName
from controller.start_endings import ended_starts
from models.forecast import WorkloadName

#: From a parked process to a cold start of a large model.
DURATION_BUCKETS_SECONDS = (0.5, 1, 2, 5, 10, 20, 30, 45, 60, 90, 120, 180, 300, 600)
#: A part may be over in an instant, and is there for each phase besides: so not too many.
PHASE_BUCKETS_SECONDS = (0.1, 0.5, 1, 2, 5, 10, 20, 40, 80, 160, 320)
#: Nothing is known from before the first view but what was measured there.
_NOTHING_SEEN = Fleet(seen_at=float("inf"), nodes=(), replicas=())


class StartMetrics:
    """Collectors in one registry, fed with views of the cluster one after the other."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register the collectors."""
        self._ended = Counter(
            "headstart_restores",
            "Starts ended, restores and cold ones.",
            ["workload", "kind", "outcome"],
            registry=registry,
        )
        self._durations = Histogram(
            "headstart_restore_duration_seconds",
            "From deciding to ready.",
            ["workload", "kind"],
            buckets=DURATION_BUCKETS_SECONDS,
            registry=registry,
        )
        self._phases = Histogram(
            "headstart_restore_phase_duration_seconds",
            "What a start spent until it reached a phase, from the one before that is known.",
            ["workload", "kind", "phase"],
            buckets=PHASE_BUCKETS_SECONDS,
            registry=registry,
        )
        self._last: tuple[Fleet, tuple[Action, ...]] = _NOTHING_SEEN, ()

    def take(
        self,
        fleet: Fleet,
        acted: Iterable[Action],
        measured: Container[ReplicaName],
        workloads: Collection[WorkloadName],
    ) -> None:
        """Count what ended since the last view, of the workloads that have a policy.

        ``acted`` is what is asked of the cluster upon this view, ``measured`` whose start was found
        to have ended.
        """
        last, asked = self._last
        self._last = fleet, tuple(acted)
        for ended in ended_starts(last, fleet, asked, measured):
            workload, kind = ended.workload, ended.kind.value
            if workload not in workloads:
                continue
            self._ended.labels(workload, kind, ended.ending.value).inc()
            if ended.seconds is not None:
                self._durations.labels(workload, kind).observe(ended.seconds)
            for phase, seconds in ended.phases:
                self._phases.labels(workload, kind, phase).observe(seconds)

    def forget(self, workload: WorkloadName) -> None:
        """Show nothing more of a workload that is gone."""
        for collector in (self._ended, self._durations, self._phases):
            collector.remove_by_labels({"workload": workload})
