"""Has what happens told: each look at the cluster and each tick becomes events in the spool."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from controller.actions import Action
from controller.adapters.event_spool import EventSpool
from controller.cloud_event import CloudEvent
from controller.cluster_view import Fleet
from controller.plan_events import plan_events
from controller.ports import Cluster
from controller.replica_events import ToldByWorkload, replica_events
from controller.tick_report import TickReport
from controller.told import Told
from models.forecast import WorkloadName

_Rendered = tuple[tuple[CloudEvent, ...], ToldByWorkload]
_log = logging.getLogger(__name__)
#: A controller that does not lead keeps what it saw for so long: to tell it, should it lead then.
STANDBY_KEEPS_SECONDS = 900.0


class EventTeller:
    """Knows what was told; ``witness`` and ``observe`` add what is new.

    Whether it leads or not, it takes in the same, so that it can go on from there. A spool that
    fails costs events, never a tick; they are tried again with the next look.
    """

    def __init__(
        self, spool: EventSpool, *, is_leading: Callable[[], bool], wake: Callable[[], None]
    ) -> None:
        """Go on from what the spool says was told; ``wake`` is called when there is more to send.

        Raises:
            OSError: if the spool can't be read.
        """
        self._spool, self._is_leading, self._wake = spool, is_leading, wake
        self._followed_since: float | None = None
        self._told: ToldByWorkload = spool.told()

    def witness(self, fleet: Fleet) -> None:
        """Take in the cluster, before anything is done upon it."""
        self._take(lambda told: replica_events(told, fleet), fleet.seen_at)

    def observe(self, report: TickReport) -> None:
        """Take in one tick; to be subscribed to the loop's reports."""
        self._take(lambda told: plan_events(told, report), report.now)

    def _take(self, render: Callable[[ToldByWorkload], _Rendered], now: float) -> None:
        try:
            events, after = render(self._told)
            changed = _changed(self._told, after)
            if events or changed:
                self._spool.keep(events, changed, now)
            self._forget_told_by_others(now)
        except OSError as error:
            _log.error("events are not kept, and tried again: %s", error)
        except Exception:  # The loop goes on, whatever is wrong with what is told of it.
            _log.exception("events are not kept, and tried again")
        else:
            self._told = after
            if events:
                self._wake()

    def _forget_told_by_others(self, now: float) -> None:
        """Let go of what is old, if somebody else has led for long: not if a lease was late."""
        if self._is_leading():
            self._followed_since = None
            return
        if self._followed_since is None:
            self._followed_since = now
        if now - self._followed_since >= STANDBY_KEEPS_SECONDS:
            self._spool.forget_before(now - STANDBY_KEEPS_SECONDS)


class WitnessedCluster:
    """A cluster whose every view is taken in before anything is done upon it.

    So what a controller did is known to the next one by what it last saw, even if it was killed
    while it acted.
    """

    def __init__(self, cluster: Cluster, witness: Callable[[Fleet], None]) -> None:
        """Stand before a cluster."""
        self._cluster, self._witness = cluster, witness

    async def observe(self) -> Fleet:
        """Return what exists now."""
        fleet = await self._cluster.observe()
        self._witness(fleet)
        return fleet

    async def act(self, action: Action) -> None:
        """Have the cluster accept one action."""
        await self._cluster.act(action)


def _changed(before: ToldByWorkload, after: ToldByWorkload) -> Mapping[WorkloadName, Told | None]:
    new = {name: told for name, told in after.items() if before.get(name) != told}
    return {**new, **{name: None for name in before if name not in after}}
