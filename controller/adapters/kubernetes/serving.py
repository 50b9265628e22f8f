"""What is to be done about pods between two ticks: open gates, begin drains, evict. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from controller.adapters.kubernetes.exchange import Json
from controller.adapters.kubernetes.fleet import View, is_stray
from controller.adapters.kubernetes.names import (
    DRAIN_UNTIL,
    PHASES,
    SERVING_GATE,
    time_text,
)
from controller.adapters.kubernetes.phases import phases_text, written_phases
from controller.adapters.kubernetes.pod_index import PodIndex


@dataclass(frozen=True, slots=True, kw_only=True)
class Duties:
    """Pods whose gate is to be opened, that are to be evicted, that are to drain first."""

    open: tuple[Json, ...] = ()
    evict: tuple[Json, ...] = ()
    drain: tuple[Json, ...] = ()


def duties(view: View) -> Duties:
    """Return what is to be done now; nothing about workloads that may not act."""
    index = view.index or PodIndex.of(view.pods)
    pods = ((key, view.pods[key]) for key in index.ours)
    known = [(pod, due) for key, pod in pods if (due := view.dues.of(key, pod)) is not None]
    ours = [(pod, due) for pod, due in known if due.workload in view.acting]
    return Duties(
        open=tuple(pod for pod, due in ours if due.may_open),
        evict=tuple(
            pod for pod, due in ours if due.drained_at <= view.now or due.lost_at <= view.now
        ),
        drain=tuple(pod for pod, due in ours if not due.is_draining and is_stray(due.node, view)),
    )


def open_patch(pod: Json, times: Mapping[str, float], now: float) -> Json:
    """Return the patch of a pod's status that lets it serve, and writes down how it came there."""
    notes = {} if written_phases(pod) else {PHASES: phases_text({"ready": now, **times})}
    return _gate(True, "Restored", now, notes)


def drain_patch(until: float, now: float) -> Json:
    """Return the patch of a pod's status that takes it out of service, until it is evicted."""
    return _gate(False, "Draining", now, {DRAIN_UNTIL: repr(until)})


def as_seen(patch: Json, pod: Json) -> Json:
    """Return a patch that is refused if the pod has changed since it was seen."""
    version = {"resourceVersion": pod["metadata"]["resourceVersion"]}
    return {**patch, "metadata": {**patch.get("metadata", {}), **version}}


def _gate(is_open: bool, reason: str, now: float, notes: Mapping[str, str]) -> Json:
    condition = {
        "type": SERVING_GATE,
        "status": str(is_open),
        "reason": reason,
        "lastTransitionTime": time_text(now),
    }
    patch: Json = {"status": {"conditions": [condition]}}
    return {**patch, "metadata": {"annotations": dict(notes)}} if notes else patch
