"""The port that every way of restoring pods has, and what they all read off a pod."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from controller.adapters.kubernetes.exchange import Json
from controller.adapters.kubernetes.names import condition_of
from controller.policy import PodTarget


class Stage(Enum):
    """How far a restore is, by what the agent says of it."""

    UNDER_WAY = "under way"
    RESTORED = "restored"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """One look at a restore; ``at`` is when it came to its end, ``failure`` why it failed."""

    stage: Stage
    at: float | None = None
    failure: str = ""
    is_incompatible: bool = False


class Driver(Protocol):
    """One way of restoring. Pure: manifests in, manifests out."""

    @property
    def name(self) -> str:
        """The name in ``spec.restore.driver``."""
        ...

    def shaped(self, pod: Json, target: PodTarget) -> Json:
        """Return a pod made such that it restores from the target's snapshot."""
        ...

    def progress(self, pod: Json) -> Progress:
        """Return how far a pod's restore is."""
        ...


def first_condition(pod: Json, *types: str) -> Json:
    """Return the first condition of these types that a pod has, an empty mapping if none."""
    return next((found for one in types if (found := condition_of(pod, one))), {})


def said(condition: Json) -> str:
    """Return a condition's reason and message as one text."""
    return ": ".join(str(condition[key]) for key in ("reason", "message") if condition.get(key))
