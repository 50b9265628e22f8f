"""The embedded cluster: the simulated world behind the port that a real cluster has."""

from __future__ import annotations

from collections.abc import Callable

from controller.actions import Action
from controller.cluster_view import Fleet
from controller.simulation import SimulatedWorld


class SimulatedCluster:
    """A cluster whose nodes and restores are simulated; its time is what ``clock`` says.

    ``clock`` returns seconds since the epoch. The world is moved to the present before it is
    looked at or acted upon; a clock that steps back stops it.
    """

    def __init__(self, world: SimulatedWorld, clock: Callable[[], float]) -> None:
        """Stand in for a cluster with this world."""
        self._world = world
        self._clock = clock

    @property
    def world(self) -> SimulatedWorld:
        """The world itself, for whoever lets nodes vanish or wants its records."""
        return self._world

    async def observe(self) -> Fleet:
        """Return what exists now."""
        self._catch_up()
        return self._world.fleet()

    async def act(self, action: Action) -> None:
        """Carry out one action.

        Raises:
            ActionRefusedError: if the world can't do it any more.
        """
        self._catch_up()
        self._world.apply(action)

    def _catch_up(self) -> None:
        self._world.advance(max(self._world.now, self._clock()))
