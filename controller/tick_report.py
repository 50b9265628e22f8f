"""What a tick decides, and what came of it: the values that displays and journals are made from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from controller.actions import Action
from controller.cluster_view import Fleet, ReplicaName
from controller.plan import Plan
from controller.policy import Mode
from models.forecast import WorkloadName
from models.outlook import Outlook

State = TypeVar("State")
StateOut = TypeVar("StateOut", covariant=True)


class TickResult(Protocol[StateOut]):
    """What a tick decides, and what it wants to be given at the next one."""

    @property
    def plans(self) -> tuple[Plan, ...]:
        """One plan a workload."""
        ...

    @property
    def actions(self) -> tuple[Action, ...]:
        """What the plans ask of the cluster, in the order in which it shall be asked."""
        ...

    @property
    def state(self) -> StateOut:
        """What the next tick is given."""
        ...

    @property
    def measured(self) -> frozenset[ReplicaName]:
        """Whose start was found to have ended."""
        ...

    @property
    def events(self) -> tuple[str, ...]:
        """Log lines."""
        ...


#: The whole decision, of the cluster, outlooks, last state and now (seconds since the epoch).
Tick = Callable[[Fleet, Mapping[WorkloadName, Outlook], State, float], TickResult[State]]


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedAction:
    """An action that the cluster would not carry out, and why.

    ``is_lasting`` if the same would be refused again, until somebody mends what it rests on.
    """

    action: Action
    why: str
    is_lasting: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TickReport:
    """One tick at ``now``, in seconds since the epoch.

    ``fleet`` is None if the cluster did not answer, and ``trouble`` then says so; ``acted`` has
    the actions that the cluster accepted, ``held_back`` how many were not even asked for:
    the mode forbade them, or the view had become too old. ``measured`` are the replicas whose
    start was found to have ended. ``is_pause_kept`` if the cluster said
    when to come again.
    """

    now: float
    fleet: Fleet | None
    outlooks: Mapping[WorkloadName, Outlook] = field(default_factory=dict)
    modes: Mapping[WorkloadName, Mode] = field(default_factory=dict)
    plans: tuple[Plan, ...] = ()
    acted: tuple[Action, ...] = ()
    refused: tuple[RefusedAction, ...] = ()
    held_back: int = 0
    measured: frozenset[ReplicaName] = frozenset()
    events: tuple[str, ...] = ()
    trouble: str = ""
    is_cluster_up: bool = True
    is_pause_kept: bool = False
