"""Writes each policy's status: soon when what a person sees changed, else now and then."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from controller.adapters.kubernetes.api import PatchKind
from controller.adapters.kubernetes.budget import Priority
from controller.adapters.kubernetes.cache_changes import key_of
from controller.adapters.kubernetes.errors import NotFoundError, RefusedError, UnavailableError
from controller.adapters.kubernetes.exchange import Json
from controller.adapters.kubernetes.fleet_summary import FleetSummary, fleet_summary
from controller.adapters.kubernetes.policies import WatchedPolicies, status_path
from controller.adapters.kubernetes.scale_owners import Obstacle
from controller.adapters.kubernetes.status_text import (
    Known,
    differs,
    remembered_tally,
    status_of,
    status_of_refused,
)
from controller.cluster_view import Fleet
from controller.learned import learned
from controller.plan import Plan
from controller.policy import WorkloadPolicy
from controller.tallies import Tally, restores_ready, tallied
from controller.tick_report import TickReport
from controller.tick_state import TickState, WorkloadState
from models.forecast import WorkloadName

_log = logging.getLogger(__name__)
#: How often one looks at most, and at least: two hundred statuses take a while to render.
_LOOK_SECONDS, _IDLE_SECONDS = 1.0, 5.0
_SOON_SECONDS = 3.0
_SELDOM_SECONDS = 60.0
_AFTER_TROUBLE_SECONDS = 10.0


class PatchApi(Protocol):
    """What the writer needs of the API."""

    async def patch(self, path: str, body: object, *, kind: PatchKind, priority: Priority) -> Json:
        """Change an object."""
        ...


class StatusWriter:
    """Keeps the status of all policies; ``observe`` is to be subscribed to the loop's reports.

    Only who leads writes. ``run_forever`` is to run as a task: writing never holds up the loop.
    """

    def __init__(
        self,
        api: PatchApi,
        policies: WatchedPolicies,
        state: Callable[[], TickState],
        *,
        is_leading: Callable[[], bool],
        clock: Callable[[], float],
        obstacles: Callable[[], Mapping[WorkloadName, Obstacle]] = lambda: {},
    ) -> None:
        """Know nothing yet; ``state`` is what the loop has learned."""
        self._obstacles = obstacles
        self._api, self._policies, self._state = api, policies, state
        self._is_leading, self._clock = is_leading, clock
        self._report: TickReport | None = None
        self._fleet: Fleet | None = None
        self._summary: FleetSummary | None = None
        self._plans: Mapping[WorkloadName, Plan] = {}
        self._hindered: Mapping[WorkloadName, Obstacle] = {}
        self._tallies: dict[WorkloadName, Tally] = {}
        self._written_at: dict[WorkloadName, float] = {}
        self._pause_until: dict[WorkloadName, float] = {}
        self._news = asyncio.Event()
        self.writes = 0
        policies.cache.subscribe(self._take)

    def observe(self, report: TickReport) -> None:
        """Take in one tick."""
        self._report = report
        self._news.set()
        fleet = report.fleet
        if fleet is None:
            return
        state, ready = self._state(), restores_ready(self._fleet, fleet)
        for policy in self._policies.book.good.values():
            name = policy.workload
            tally = self._tallies.get(name) or remembered_tally(self._status_now(name))
            memory = state.workloads.get(name, WorkloadState())
            self._tallies[name] = tallied(
                tally, policy, memory.outcomes, now=fleet.seen_at, ready=ready.get(name, 0)
            )
        self._fleet, self._summary = fleet, fleet_summary(fleet)
        self._plans = {plan.workload: plan for plan in report.plans}
        self._hindered = self._obstacles()

    async def run_forever(self) -> None:
        """Write what has changed until cancelled."""
        while True:
            self._news.clear()
            for key in tuple(self._policies.cache.objects):
                if self._is_leading():
                    await self.write_if_due(WorkloadName(key))
                    await asyncio.sleep(0)  # others wait for their turns
            await asyncio.sleep(_LOOK_SECONDS)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_IDLE_SECONDS - _LOOK_SECONDS):
                    await self._news.wait()

    async def write_if_due(self, name: WorkloadName) -> bool:
        """Write one policy's status if it is time to; return whether it was written."""
        obj = self._policies.cache.objects.get(name)
        now = self._clock()
        since = now - self._written_at.get(name, float("-inf"))
        if obj is None or now < self._pause_until.get(name, 0.0) or since < _SOON_SECONDS:
            return False
        before = self._status_now(name)
        status = self._status(name, obj, before, now)
        if status is None or not differs(status, before, calmly=since < _SELDOM_SECONDS):
            return False
        try:
            written = await self._api.patch(
                status_path(name),
                {"status": status},
                kind=PatchKind.MERGE,
                priority=Priority.BACKGROUND,
            )
        except NotFoundError:
            return False  # it was deleted meanwhile
        except (UnavailableError, RefusedError) as error:
            self._pause_until[name] = now + _AFTER_TROUBLE_SECONDS
            _log.warning("status of %s: %s", name, error)
            return False
        self.writes += 1
        self._written_at[name] = now
        self._policies.cache.take_own(written)
        return True

    def _status(
        self, name: WorkloadName, obj: Json, before: Mapping[str, Any], now: float
    ) -> Json | None:
        generation, book = _generation(obj), self._policies.book
        problems, policy = book.problems.get(name, ()), book.good.get(name)
        if policy is not None:
            return status_of(self._known(policy, generation, problems, now), before)
        if problems:
            return status_of_refused(problems, before, generation=generation, now=now)
        return None

    def _known(
        self, policy: WorkloadPolicy, generation: int, problems: tuple[str, ...], now: float
    ) -> Known:
        name, report, state = policy.workload, self._report, self._state()
        return Known(
            policy=policy,
            generation=generation,
            now=now,
            state=state,
            learned=learned(state, policy),
            tally=self._tallies.get(name, Tally()),
            plan=self._plans.get(name),
            fleet=self._summary,
            outlook=report.outlooks.get(name) if report is not None else None,
            problems=problems,
            obstacle=self._hindered.get(name),
            trouble=report.trouble if report is not None else "the first tick has not ended yet",
        )

    def _take(self, kind: str, obj: Json, _: float) -> None:
        """Look soon at a new spec; begin anew with a policy that comes again once deleted."""
        if kind == "DELETED":
            for kept in (self._tallies, self._written_at, self._pause_until):
                kept.pop(WorkloadName(key_of(obj)), None)
        elif (obj.get("status") or {}).get("observedGeneration") != _generation(obj):
            self._news.set()

    def _status_now(self, name: WorkloadName) -> Mapping[str, Any]:
        status = (self._policies.cache.objects.get(name) or {}).get("status")
        return status if isinstance(status, dict) else {}


def _generation(obj: Json) -> int:
    return int((obj.get("metadata") or {}).get("generation") or 0)
