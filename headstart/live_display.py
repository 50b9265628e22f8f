"""The live picture on a terminal: time passing, demand against capacity, and the last reasons."""

from __future__ import annotations

from collections import deque

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from controller.plan import Plan
from headstart.display import Moment, clock, moment_lines

_BLOCKS = " ▁▂▃▄▅▆▇█"
_POINTS = 60
_LOG_LINES = 8


class LiveDisplay:
    """Draws in place, and leaves the last picture standing."""

    def __init__(self, console: Console, *, title: str, point_seconds: float = 60.0) -> None:
        """Draw on a console; one point of the small charts for each ``point_seconds``."""
        self._title = title
        self._log: deque[str] = deque(maxlen=_LOG_LINES)
        self._point_seconds = point_seconds
        self._point_at = float("-inf")
        self._demand: deque[float] = deque(maxlen=_POINTS)
        self._capacity: deque[float] = deque(maxlen=_POINTS)
        self._live = Live(console=console, refresh_per_second=12, transient=False)

    def __enter__(self) -> LiveDisplay:
        """Take the terminal."""
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Give the terminal back."""
        self._live.stop()

    def wait(self, line: str) -> None:
        """Draw what is being waited for, and that something moves."""
        title = f"[bold]{self._title}[/bold]"
        spinner = Spinner("dots", Text(f" {line}"))
        self._live.update(Panel(spinner, title=title, title_align="left", padding=(1, 2)))

    def show(self, moment: Moment) -> None:
        """Draw the moment."""
        self._log.extend(moment_lines(moment))
        capacity = moment.plan.ready * moment.capacity_per_replica
        if moment.at >= self._point_at + self._point_seconds:
            self._point_at = moment.at
            self._demand.append(0.0)
            self._capacity.append(0.0)
        # The highest of each point's span: a mean would hide the bursts that matter.
        self._demand[-1] = max(self._demand[-1], moment.demand_per_second or 0.0)
        self._capacity[-1] = max(self._capacity[-1], capacity)
        self._live.update(self._picture(moment))

    def say(self, line: str) -> None:
        """Print a line above the picture."""
        self._live.console.print(line, highlight=False)

    def _picture(self, moment: Moment) -> Panel:
        top = max([*self._demand, *self._capacity, 1.0])
        capacity = moment.plan.ready * moment.capacity_per_replica
        table = Table.grid(padding=(0, 2))
        table.add_column(style="bold", min_width=10)
        table.add_column(min_width=14)
        table.add_column()
        demand = _rate(moment.demand_per_second)
        table.add_row("demand", demand, Text(bars(self._demand, top), "cyan"))
        table.add_row("capacity", _rate(capacity), Text(bars(self._capacity, top), "green"))
        table.add_row("forecast", *_forecast(moment))
        table.add_row("replicas", f"target {moment.plan.target}", replica_bar(moment.plan))
        table.add_row("lead time", f"{moment.plan.lead_time_seconds:.0f} s", _lead(moment.plan))
        table.add_row("in time", *_attained(moment))
        log = Text("\n".join(self._log) or "nothing had to be done yet", "dim", no_wrap=True)
        log.truncate(10_000)
        parts: list[RenderableType] = [table, Text(""), log]
        if moment.progress is not None:
            parts = [ProgressBar(total=1.0, completed=moment.progress), Text(""), *parts]
        title = f"[bold]{self._title}[/bold]  {clock(moment.at)}"
        return Panel(Group(*parts), title=title, title_align="left", padding=(1, 2))


def bars(values: deque[float] | list[float], top: float) -> str:
    """Draw values as a row of blocks, full at ``top``."""
    most = len(_BLOCKS) - 1
    return "".join(_BLOCKS[max(0, min(most, round(value / top * most)))] for value in values)


def replica_bar(plan: Plan) -> Text:
    """Draw ready, restoring and missing replicas as squares, with their numbers."""
    missing = max(0, plan.target - plan.ready - plan.restoring)
    text = Text()
    text.append("■" * plan.ready, "green")
    text.append("▣" * plan.restoring, "yellow")
    text.append("□" * missing, "red")
    text.append(f"  {plan.ready} ready")
    if plan.restoring:
        text.append(f", {plan.restoring} restoring", "yellow")
    if missing:
        text.append(f", {missing} starting", "red")
    return text


def _rate(per_second: float | None) -> str:
    return "unknown" if per_second is None else f"{per_second:.0f}/s"


def _forecast(moment: Moment) -> tuple[str, str]:
    if moment.peak_per_second is None or moment.peak_in_seconds is None:
        return "none yet", "reacting to measured demand alone"
    peak = f"peak {moment.peak_per_second:.0f}/s in {moment.peak_in_seconds:.0f} s"
    upcoming = moment.plan.upcoming
    if not upcoming:
        return _rate(moment.peak_per_second), f"{peak}: covered"
    wait = max(0.0, upcoming[0].start_at - moment.at)
    noun = "restore" if upcoming[0].count == 1 else "restores"
    return _rate(moment.peak_per_second), f"{peak}: {upcoming[0].count} {noun} due in {wait:.0f} s"


def _lead(plan: Plan) -> str:
    return f"learned; demand is covered at p{plan.quantile_level * 100:.4g}"


def _attained(moment: Moment) -> tuple[Text, str]:
    if moment.attained_share is None:
        return Text("not counted"), ""
    goal = moment.objective or 0.0
    color = "green" if moment.attained_share >= goal else "red"
    share = Text(f"{moment.attained_share * 100:.2f} %", color)
    return share, f"objective {goal * 100:g} %, reckoned by the tick"
