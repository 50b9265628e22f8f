"""Who may lead, decided from a Lease as it is read. Pure; times are monotonic seconds of our own.

Whether another holder still lives is told by whether its Lease changes, never by its clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from controller.adapters.kubernetes.exchange import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseSettings:
    """Which Lease, and its times.

    The holder renews every ``renew_seconds`` and stops acting ``fence_seconds`` after it sent
    its last good renewal; others take over once nothing has changed for ``duration_seconds``.
    The fence must be well below the duration, so that what is under way has ended by then.
    """

    namespace: str
    identity: str
    name: str = "headstart-controller"
    duration_seconds: float = 15.0
    fence_seconds: float = 10.0
    renew_seconds: float = 5.0
    retry_seconds: float = 2.0
    call_seconds: float = 3.0

    @classmethod
    def lasting(cls, duration_seconds: float, *, namespace: str, identity: str) -> LeaseSettings:
        """Return settings whose other times have their usual shares of the duration."""
        return cls(
            namespace=namespace,
            identity=identity,
            duration_seconds=duration_seconds,
            fence_seconds=duration_seconds * 2 / 3,
            renew_seconds=duration_seconds / 3,
            retry_seconds=duration_seconds * 2 / 15,
            call_seconds=duration_seconds / 5,
        )


class Intent(Enum):
    """What to do about a Lease."""

    CREATE = "create"
    TAKE = "take"
    RENEW = "renew"
    WAIT = "wait"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """The version of a Lease that was seen last, and when it was seen for the first time."""

    version: str
    since: float


def sighted(lease: Json, before: Sighting | None, now: float) -> Sighting:
    """Return the sighting after reading a Lease."""
    version = str((lease.get("metadata") or {}).get("resourceVersion", ""))
    if before is not None and before.version == version:
        return before
    return Sighting(version=version, since=now)


def intent(
    lease: Json | None, seen: Sighting | None, settings: LeaseSettings, now: float
) -> Intent:
    """Return what to do about a Lease, None being one that does not exist."""
    if lease is None:
        return Intent.CREATE
    holder = holder_of(lease)
    if holder == settings.identity:
        return Intent.RENEW
    if not holder:
        return Intent.TAKE
    said = (lease.get("spec") or {}).get("leaseDurationSeconds")
    patience = max(float(said or 0.0), settings.duration_seconds)
    has_expired = seen is not None and now - seen.since >= patience
    return Intent.TAKE if has_expired else Intent.WAIT


def holder_of(lease: Json) -> str:
    """Return who holds a Lease, an empty text for nobody."""
    return str((lease.get("spec") or {}).get("holderIdentity") or "")


def epoch_of(lease: Json) -> int:
    """Return how often a Lease has changed hands."""
    return int((lease.get("spec") or {}).get("leaseTransitions") or 0)


def lease_to_write(lease: Json | None, settings: LeaseSettings, at: float) -> Json:
    """Return the Lease as it is to be written at ``at``, in seconds since the epoch, by us.

    The resource version of the one read goes along, so that only one of two writers succeeds.
    """
    old: dict[str, Any] = dict((lease or {}).get("spec") or {})
    is_ours = lease is not None and holder_of(lease) == settings.identity
    epoch = epoch_of(lease) + (0 if is_ours else 1) if lease is not None else 0
    metadata: Json = {"name": settings.name, "namespace": settings.namespace}
    if lease is not None:
        metadata = dict(lease["metadata"])
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": metadata,
        "spec": {
            **old,
            "holderIdentity": settings.identity,
            "leaseDurationSeconds": round(settings.duration_seconds),
            "acquireTime": old.get("acquireTime") if is_ours else micro_time(at),
            "renewTime": micro_time(at),
            "leaseTransitions": epoch,
        },
    }


def lease_released(lease: Json, at: float) -> Json:
    """Return the Lease as its holder leaves it: free at once."""
    spec = {
        **lease["spec"],
        "holderIdentity": "",
        "leaseDurationSeconds": 1,
        "renewTime": micro_time(at),
    }
    return {**lease, "spec": spec}


def micro_time(at: float) -> str:
    """Return seconds since the epoch as Kubernetes writes a MicroTime."""
    return datetime.fromtimestamp(at, tz=UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
