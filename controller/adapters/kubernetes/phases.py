"""When an attempt reached each of its phases. Pure.

The server's times are cut to the second; where a watch told of the phase within that second, its
own clock is the better one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from controller.adapters.kubernetes.exchange import Json
from controller.adapters.kubernetes.json_text import decoded
from controller.adapters.kubernetes.names import (
    PHASES,
    annotations_of,
    condition_of,
    is_time,
    seconds_of,
)
from controller.adapters.kubernetes.pods import decided_at

#: In the order in which they are reached.
ORDER = ("decided", "created", "scheduled", "started", "restored", "ready")
#: How much later than the server's second a watch may tell of it and be believed.
_LATEST_NEWS_SECONDS = 2.0


def reached(pod: Json, restored_at: float | None) -> dict[str, float]:
    """Return the phases that a pod has reached by the server's own times.

    Ready is when nothing but our own gate kept it from serving: while nobody leads a gate stays
    shut, and that is not the restore's time.
    """
    metadata: Mapping[str, Any] = pod.get("metadata") or {}
    scheduled = condition_of(pod, "PodScheduled")
    is_scheduled = scheduled.get("status") == "True"
    times = {
        "decided": decided_at(pod),
        "created": seconds_of(metadata.get("creationTimestamp")),
        "scheduled": seconds_of(scheduled.get("lastTransitionTime")) if is_scheduled else None,
        "started": _started(pod),
        "restored": restored_at,
        "ready": _containers_ready(pod, restored_at),
    }
    return {name: at for name, at in times.items() if at is not None}


def refined(
    known: Mapping[str, float], server: Mapping[str, float], heard_at: float
) -> dict[str, float]:
    """Return the phases once news of a pod came: what was known stays, the new is made sharper."""
    times = dict(known)
    for name, at in server.items():
        if name in times:
            continue
        is_fresh = name != "decided" and at <= heard_at <= at + _LATEST_NEWS_SECONDS
        times[name] = heard_at if is_fresh else at
    return times


def phases_text(times: Mapping[str, float]) -> str:
    """Return phases as they are written on a pod, in order."""
    return json.dumps({name: round(times[name], 3) for name in ORDER if name in times})


def written_phases(pod: Json) -> dict[str, float]:
    """Return the phases that were written on a pod when it became ready, nothing before."""
    try:
        found = decoded(annotations_of(pod).get(PHASES) or "{}")
        times = {name: float(found[name]) for name in ORDER if name in found}
    except (ValueError, TypeError, OverflowError):
        return {}
    return times if all(map(is_time, times.values())) else {}


def _started(pod: Json) -> float | None:
    statuses = (pod.get("status") or {}).get("containerStatuses") or ()
    times = [
        seconds_of(((one.get("state") or {}).get("running") or {}).get("startedAt"))
        for one in statuses
    ]
    known = [at for at in times if at is not None]
    return max(known) if known and len(known) == len(times) else None


def _containers_ready(pod: Json, restored_at: float | None) -> float | None:
    condition = condition_of(pod, "ContainersReady")
    at = seconds_of(condition.get("lastTransitionTime"))
    if condition.get("status") != "True" or at is None:
        return None
    return at if restored_at is None else max(at, restored_at)
