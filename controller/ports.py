"""What the controller needs of the outside; each port has adapters and a fake of its own."""

from __future__ import annotations

from typing import Protocol

from controller.actions import Action
from controller.cluster_view import Fleet
from models.forecast import WorkloadName
from models.outlook import Outlook


class Cluster(Protocol):
    """Where replicas live.

    ``observe`` returns everything of ours that exists now; nothing stale. ``act`` carries out
    one action and returns when the cluster has accepted it, not when it has come true.
    Both raise ClusterUnavailableError if the cluster does not answer; ``act`` raises
    ActionRefusedError if the action can't be done any more (the node was taken, the replica gone).
    """

    async def observe(self) -> Fleet:
        """Return what exists now."""
        ...

    async def act(self, action: Action) -> None:
        """Have the cluster accept one action."""
        ...


class Outlooks(Protocol):
    """Where demand and forecasts come from. ``latest`` never waits; None before the first."""

    def latest(self, workload: WorkloadName) -> Outlook | None:
        """Return the newest outlook."""
        ...
