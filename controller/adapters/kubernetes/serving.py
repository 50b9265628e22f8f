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
    condition_of,
    seconds_of,
    time_text,
)
from controller.adapters.kubernetes.phases import phases_text, written_phases
from controller.adapters.kubernetes.pods import (
    containers_ready,
    drain_until,
    has_ended,
    is_ours,
    is_serving,
    is_terminating,
    workload_of,
)
from controller.adapters.kubernetes.replicas import may_serve

#: A replica that served and is not ready for so long will not come back.
LOST_AFTER_SECONDS = 180.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Duties:
    """Pods whose gate is to be opened, that are to be evicted, that are to drain first."""

    open: tuple[Json, ...] = ()
    evict: tuple[Json, ...] = ()
    drain: tuple[Json, ...] = ()


def duties(view: View) -> Duties:
    """Return what is to be done now; nothing about workloads that may not act."""
    present = (pod for pod in view.pods.values() if is_ours(pod) and not is_terminating(pod))
    ours = [pod for pod in present if workload_of(pod) in view.acting]
    lost = [pod for pod in ours if _is_lost(pod, view.now)]
    stray = [pod for pod in ours if is_stray(pod, view) and drain_until(pod) is None]
    due = [pod for pod in ours if (until := drain_until(pod)) is not None and until <= view.now]
    return Duties(
        open=tuple(pod for pod in ours if may_serve(pod)),
        evict=tuple(due) + tuple(pod for pod in lost if pod not in due),
        drain=tuple(stray),
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


def _is_lost(pod: Json, now: float) -> bool:
    if not is_serving(pod) or containers_ready(pod) or has_ended(pod):
        return False
    since = seconds_of(condition_of(pod, "ContainersReady").get("lastTransitionTime"))
    return since is not None and now - since > LOST_AFTER_SECONDS
