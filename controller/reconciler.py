"""The controller's loop: observe, have a tick decide, act. The only module that knows the order.

Must not decide anything about replicas: that is the tick's, a pure function that is passed in.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Generic

from controller.acting import Acting
from controller.cluster_view import Fleet
from controller.errors import ClusterUnavailableError
from controller.loop_settings import LoopSettings, Surroundings
from controller.plan import Plan
from controller.plan_history import PlanHistory
from controller.policy import Mode
from controller.tick_report import State, Tick, TickReport
from models.forecast import WorkloadName
from models.outlook import without_future

_log = logging.getLogger(__name__)


class Reconciler(Generic[State]):
    """Several workloads' loop over one cluster.

    Servers read ``plans`` and ``fleet``, which are swapped whole; displays subscribe to reports.
    """

    def __init__(
        self,
        surroundings: Surroundings,
        tick: Tick[State],
        state: State,
        modes: Mapping[WorkloadName, Mode],
        settings: LoopSettings | None = None,
    ) -> None:
        """Make a loop that has seen nothing yet."""
        self._outside = surroundings
        self._tick = tick
        self._state = state
        self._modes: Mapping[WorkloadName, Mode] = MappingProxyType(dict(modes))
        self._settings = settings or LoopSettings()
        self._history = PlanHistory(plans_per_workload=self._settings.plans_kept_per_workload)
        self._fleet: Fleet | None = None
        self._subscribers: tuple[Callable[[TickReport], None], ...] = ()
        self._failures = 0

    @property
    def plans(self) -> Mapping[WorkloadName, Plan]:
        """The newest plans by workload, all of one tick."""
        return self._history.newest

    @property
    def is_in_trouble(self) -> bool:
        """Whether the last turn failed: then the loop backs off, and shall not be hurried."""
        return self._failures > 0

    @property
    def fleet(self) -> Fleet | None:
        """The cluster as last seen, None before the first time."""
        return self._fleet

    @property
    def state(self) -> State:
        """What the next tick will be given: whatever was learned."""
        return self._state

    def plan_at(self, workload: WorkloadName, at: float) -> Plan | None:
        """Return the plan in force at ``at``, None if none so old is kept."""
        return self._history.at(workload, at)

    def change_policies(self, tick: Tick[State], modes: Mapping[WorkloadName, Mode]) -> None:
        """Go on with other policies from the next turn; what was learned stays."""
        self._tick, self._modes = tick, MappingProxyType(dict(modes))

    def subscribe(self, receive: Callable[[TickReport], None]) -> Callable[[], None]:
        """Have every report handed to ``receive``; calling what is returned ends that."""
        self._subscribers = (*self._subscribers, receive)

        def unsubscribe() -> None:
            self._subscribers = tuple(one for one in self._subscribers if one is not receive)

        return unsubscribe

    async def run_forever(self) -> None:
        """Turn until cancelled; after trouble later and later, otherwise once a tick."""
        while True:
            began = self._outside.clock()
            await self.turn()
            if self._failures:
                luck = self._outside.luck()
                pause = self._settings.backoff_seconds(self._failures, luck=luck)
            else:
                spent = max(0.0, self._outside.clock() - began)
                pause = max(0.0, self._settings.tick_seconds - spent)
            await self._outside.wait(pause)

    async def turn(self) -> TickReport:
        """Observe, decide and act once; return what came of it, after all subscribers have it.

        Whatever goes wrong is in the report, and makes ``run_forever`` back off.
        """
        try:
            report = await self._observe_decide_act()
        except ClusterUnavailableError as error:
            report = self._in_trouble(f"cluster: {error}", is_cluster_up=False)
            report = replace(report, is_pause_kept=error.is_pause_kept)
        except Exception as error:
            # The loop's edge: a bug met by one tick must not end the process.
            _log.exception("the tick failed and will be tried again")
            report = self._in_trouble(f"{type(error).__name__}: {error}", is_cluster_up=True)
        self._failures = self._failures_after(report)
        self._tell(report)
        return report

    async def _observe_decide_act(self) -> TickReport:
        fleet = await self._observe()
        now = self._outside.clock()
        if self._is_stale(fleet):
            age = f"the view of the cluster is {now - fleet.seen_at:.0f} s old"
            return self._in_trouble(f"{age}: nothing is done upon it", is_cluster_up=True)
        self._fleet = fleet
        modes = self._modes
        latest = ((workload, self._outside.outlooks.latest(workload)) for workload in modes)
        outlooks = {name: without_future(one, now=now) for name, one in latest if one is not None}
        result = self._tick(fleet, outlooks, self._state, now)
        self._state = result.state
        self._history.add(result.plans)
        acting = Acting(
            self._outside.cluster,
            fleet,
            self._modes,
            self._settings,
            is_stale=lambda: self._is_stale(fleet),
        )
        acts = await acting.carry_out(result.actions)
        return TickReport(
            now=now,
            fleet=fleet,
            outlooks=outlooks,
            modes=modes,
            plans=result.plans,
            acted=acts.acted,
            refused=acts.refused,
            held_back=acts.held_back,
            measured=result.measured,
            events=result.events,
            trouble=acts.trouble,
            is_cluster_up=acts.is_cluster_up,
            is_pause_kept=acts.is_pause_kept,
        )

    async def _observe(self) -> Fleet:
        try:
            async with asyncio.timeout(self._settings.call_timeout_seconds):
                return await self._outside.cluster.observe()
        except TimeoutError as error:
            raise ClusterUnavailableError(self._settings.no_answer("observe")) from error

    def _failures_after(self, report: TickReport) -> int:
        """Return how many turns in a row have failed, as far as waiting longer may help.

        A server that takes some actions, or that says itself how long to leave it alone, is not
        away: many starts by a busy one would else end in minutes without any.
        """
        if not report.trouble:
            return 0
        return 1 if report.acted or report.is_pause_kept else self._failures + 1

    def _is_stale(self, fleet: Fleet) -> bool:
        return self._outside.clock() - fleet.seen_at > self._settings.stale_after_seconds

    def _in_trouble(self, trouble: str, *, is_cluster_up: bool) -> TickReport:
        return TickReport(
            now=self._outside.clock(),
            fleet=None,
            modes=self._modes,
            trouble=trouble,
            is_cluster_up=is_cluster_up,
        )

    def _tell(self, report: TickReport) -> None:
        for line in report.events:
            _log.info("%s", line)
        for refusal in report.refused:
            _log.info("refused: %s", refusal.why)
        if report.trouble:
            _log.warning("%s (failure %d in a row)", report.trouble, self._failures)
        for receive in self._subscribers:
            try:
                receive(report)
            except Exception:  # a display that fails must not stop the loop
                _log.exception("a subscriber failed")
