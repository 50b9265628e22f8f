"""Follows a long replay: a progress bar on a terminal, and what the report needs of each tick."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from headstart.explanation import log_line
from headstart.fan_recorder import FanRecorder
from headstart.plan_facts import PlanFacts
from headstart.replay import ReplayTick
from headstart.report.content import Decision
from headstart.scenario import Scenario

#: The report lists some hundreds; a replay of weeks has tens of thousands.
MOST_DECISIONS = 2000
_STEPS = 200


class Watcher:
    """An observer of replay ticks; nothing is drawn where no terminal is."""

    def __init__(self, scenario: Scenario, console: Console) -> None:
        """Draw on a console."""
        self.fan = FanRecorder()
        self.decisions: list[Decision] = []
        self._begin = scenario.warmup_seconds
        self._length = len(scenario.requests) * scenario.bin_seconds - scenario.warmup_seconds
        self._shown = -1
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._progress.add_task("learning from the warm-up", total=None)

    def __enter__(self) -> Watcher:
        """Begin to draw."""
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave the terminal as it was."""
        self._progress.stop()

    def wait(self, line: str) -> None:
        """Say what is being done now that has no measure."""
        self._progress.update(self._task, description=line, total=None)

    def see(self, tick: ReplayTick) -> None:
        """Take in one tick."""
        self.fan.see(tick)
        plan = tick.plan
        does_something = plan.starts or plan.releases or plan.cancels
        if does_something and len(self.decisions) < MOST_DECISIONS:
            line = log_line(PlanFacts.of_plan(plan))
            self.decisions.append(Decision(at=tick.now, text=line))
        # Drawing costs far more than a tick does.
        step = int((tick.now - self._begin) / self._length * _STEPS)
        if step != self._shown:
            self._shown = step
            self._progress.update(self._task, description="replaying", total=_STEPS, completed=step)
