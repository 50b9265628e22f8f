"""Claims: what is written on a node before a pod is created there, so that no GPU is taken twice.

Pure. A claim stays until its pod has gone; one whose pod never came expires.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from controller.adapters.kubernetes.exchange import Json
from controller.adapters.kubernetes.json_text import decoded
from controller.adapters.kubernetes.names import CLAIM, MOST_ATTEMPTS, annotations_of, is_time
from controller.cluster_view import StartKind

#: A controller that lives creates the pod at once; a dead one's claim must not hold a GPU long.
CLAIM_SECONDS = 30.0
_MOST_GPUS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """GPUs of one node that a start has taken; ``pod`` is ``namespace/name``, times in seconds."""

    replica: str
    workload: str
    pod: str
    kind: str
    gpus: int
    attempt: int
    epoch: int
    claimed_at: float
    expires_at: float
    deadline_at: float


def claims_of(node: Json) -> tuple[Claim, ...]:
    """Return the claims on a node; one that can't be read holds nothing."""
    try:
        entries = decoded(annotations_of(node).get(CLAIM) or "[]")
    except ValueError:
        return ()
    found = map(_claim, entries if isinstance(entries, list) else ())
    return tuple(claim for claim in found if claim is not None)


def claims_text(claims: Iterable[Claim]) -> str | None:
    """Return what is written on the node, None if nothing."""
    entries = [asdict(claim) for claim in claims]
    return json.dumps(entries, separators=(",", ":"), sort_keys=True) if entries else None


def is_void(claim: Claim, *, is_present: bool, was_seen_to_go: bool, now: float) -> bool:
    """Say whether a claim holds nothing any more: its pod has gone, or never came in time."""
    return not is_present and (was_seen_to_go or now >= claim.expires_at)


def _claim(entry: Json) -> Claim | None:
    """Return one claim, None if it makes no sense: anybody may write on a node."""
    try:
        claim = Claim(
            replica=str(entry["replica"]),
            workload=str(entry["workload"]),
            pod=str(entry["pod"]),
            kind=StartKind(entry["kind"]).value,
            gpus=int(entry["gpus"]),
            attempt=int(entry["attempt"]),
            epoch=int(entry["epoch"]),
            claimed_at=float(entry["claimed_at"]),
            expires_at=float(entry["expires_at"]),
            deadline_at=float(entry["deadline_at"]),
        )
    except (ValueError, TypeError, KeyError, OverflowError):
        return None
    times = (claim.claimed_at, claim.expires_at, claim.deadline_at)
    is_sane = 1 <= claim.gpus <= _MOST_GPUS and 0 <= claim.attempt <= MOST_ATTEMPTS
    return claim if is_sane and all(map(is_time, times)) else None
