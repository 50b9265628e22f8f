"""What is written on nodes and pods: keys of labels, annotations, taints and conditions. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from controller.adapters.kubernetes.exchange import Json
from controller.cluster_view import ReplicaName, StartKind
from models.forecast import WorkloadName

#: On a node by its owner: it is in the pool of that name.
POOL = "headstart.dev/pool"
STATE = "headstart.dev/state"
CLAIM = "headstart.dev/claim"
CORDONED_BY = "headstart.dev/cordoned-by"
UNFIT_REASON = "headstart.dev/unfit-reason"
STANDBY_TAINT = "headstart.dev/standby"
#: Keep cluster-autoscaler and Karpenter from taking an empty node away.
PROTECTION: Mapping[str, str] = {
    "cluster-autoscaler.kubernetes.io/scale-down-disabled": "true",
    "karpenter.sh/do-not-disrupt": "true",
}

#: On a pod. The label holds a digest of the replica's name, the annotation the name itself.
POLICY = "headstart.dev/policy"
REPLICA = "headstart.dev/replica"
KIND = "headstart.dev/kind"
ATTEMPT = "headstart.dev/attempt"
DECIDED_AT = "headstart.dev/decided-at"
DEADLINE_AT = "headstart.dev/deadline-at"
REASON = "headstart.dev/reason"
DRIVER = "headstart.dev/driver"
PHASES = "headstart.dev/phases"
DRAIN_UNTIL = "headstart.dev/drain-until"
SERVING_GATE = "headstart.dev/serving"
GPU = "nvidia.com/gpu"

#: What a label may tell of attempts: nobody tries so often, and a label holds 63 characters.
MOST_ATTEMPTS = 9999
#: In the year 5138, which calendars still know.
_LATEST_SECONDS = 1e11
_NOT_IN_NAMES = re.compile(r"[^a-z0-9-]+")


def digest(replica: ReplicaName) -> str:
    """Return a short text for a replica that may stand in a label or a name."""
    return hashlib.sha256(replica.encode()).hexdigest()[:12]


def pod_name(workload: WorkloadName, kind: StartKind, replica: ReplicaName) -> str:
    """Return the one name that a replica's pod has, however often it is started."""
    policy = _NOT_IN_NAMES.sub("-", workload.rpartition("/")[2].lower())[:40].strip("-")
    return f"{policy}-{kind.value}-{digest(replica)}"


def labels_of(obj: Json) -> Mapping[str, str]:
    """Return an object's labels."""
    return _texts(obj, "labels")


def annotations_of(obj: Json) -> Mapping[str, str]:
    """Return an object's annotations."""
    return _texts(obj, "annotations")


def condition_of(obj: Json, type_: str) -> Json:
    """Return the condition of a type, an empty mapping if there is none."""
    found: Any = (obj.get("status") or {}).get("conditions") or ()
    return next((one for one in found if one.get("type") == type_), {})


def is_true(obj: Json, type_: str) -> bool:
    """Say whether a condition is True."""
    return bool(condition_of(obj, type_).get("status") == "True")


def seconds_of(text: object) -> float | None:
    """Return a server's time in seconds since the epoch, None if there is none."""
    if not isinstance(text, str) or not text:
        return None
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError):
        return None


def is_time(seconds: float) -> bool:
    """Say whether a number that anybody may have written is a time that can be reckoned with."""
    return 0.0 <= seconds < _LATEST_SECONDS


def time_text(seconds: float) -> str:
    """Return seconds since the epoch as the API server writes times, to the second."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _texts(obj: Json, field: str) -> Mapping[str, str]:
    found: Mapping[str, str] = (obj.get("metadata") or {}).get(field) or {}
    return found
