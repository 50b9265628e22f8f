"""What others tell, in the service: announcements shape a forecast, better ones replace it."""

from __future__ import annotations

from dataclasses import replace

from models.forecast import Forecast
from models.outlook import Outlook
from predictor.announcement import Announcement
from predictor.metrics import PredictorMetrics
from predictor.ports import AnnouncementCounts
from predictor.service import ForecastService
from predictor.settings import ServiceSettings
from predictor.told_forecast import ENOUGH_STEPS
from predictor.workload import WorkloadDemand
from tests.unit.predictor.builders import (
    CHAT,
    START,
    STEP,
    FakeForecaster,
    FakeSource,
    a_forecast,
)


class FakeAnnouncements:
    grace_seconds = 60.0

    def __init__(self, *announced: Announcement, remark: str = "") -> None:
        self.announced, self.remark, self.is_closed = announced, remark, False

    def current(self, now: float) -> tuple[Announcement, ...]:
        return tuple(one for one in self.announced if one.end > now)

    def counts(self) -> AnnouncementCounts:
        return AnnouncementCounts(taken=2, poison=1)

    async def close(self) -> None:
        self.is_closed = True


class FakeOthers:
    """Always foretells the demand that comes: a rise of one a step."""

    def __init__(self, *, off_by: float = 0.0, age_seconds: float = 0.0, remark: str = "") -> None:
        self.remark, self.off_by, self.age_seconds = remark, off_by, age_seconds
        self.now, self.is_closed = START, False

    def latest(self) -> Forecast:
        issued_at = self.now // STEP * STEP
        steps = [rising(issued_at + i * STEP) + self.off_by for i in range(30)]
        told = a_forecast(*steps, issued_at=issued_at)
        return replace(told, issued_at=issued_at - self.age_seconds, basis="theirs")

    async def close(self) -> None:
        self.is_closed = True


def rising(at: float) -> float:
    return 1_000.0 + (at - START) / STEP


async def told(
    steps: int,
    *,
    announcements: FakeAnnouncements | None = None,
    others: FakeOthers | None = None,
    metrics: PredictorMetrics | None = None,
) -> Outlook:
    """Return the outlook after steps of rising demand, of which our own forecast knows nothing."""
    service = ForecastService(
        forecaster=FakeForecaster(),
        settings=ServiceSettings(),
        metrics=metrics or PredictorMetrics(),
    )
    demand = WorkloadDemand(
        workload=CHAT,
        step_seconds=STEP,
        history_seconds=5 * STEP,
        sources=(FakeSource(demand_at=rising),),
        announcements=announcements,
        others=others,
    )
    await service.set_workloads([demand], now=START)
    for number in range(steps):
        now = START + number * STEP
        if others is not None:
            others.now = now
        await service.tick(now)
    outlook = service.latest(CHAT)
    assert outlook is not None
    await service.close()
    return outlook


async def test_others_are_used_once_they_have_proved_better_and_closed_at_the_end() -> None:
    others = FakeOthers()
    early = await told(ENOUGH_STEPS, others=others)
    assert early.forecast is not None
    assert early.forecast.basis == "test"
    late = await told(ENOUGH_STEPS + 10, others=others)
    assert late.forecast is not None
    assert late.forecast.basis == "theirs, told by others"
    assert late.degraded == ()
    assert others.is_closed


async def test_others_who_are_worse_are_never_used() -> None:
    outlook = await told(ENOUGH_STEPS + 10, others=FakeOthers(off_by=500.0))
    assert outlook.forecast is not None
    assert outlook.forecast.basis == "test"


async def test_what_is_wrong_with_others_is_said_and_our_own_used() -> None:
    others = FakeOthers(age_seconds=900.0, remark="the broker is silent")
    outlook = await told(ENOUGH_STEPS + 10, others=others)
    assert outlook.forecast is not None
    assert outlook.forecast.basis == "test"
    assert outlook.degraded == (
        "others' forecasts: the broker is silent",
        "others' forecast: is 900 s old, 600 s are allowed; our own is used",
    )


async def test_an_announcement_shapes_the_forecast_and_its_fate_is_said() -> None:
    start = START + 10 * STEP
    sale = Announcement(id="s", workload=CHAT, start=start, end=start + 3600, multiplier=2.0)
    announcements = FakeAnnouncements(sale, remark="still reading the topic")
    metrics = PredictorMetrics()
    before = await told(6, announcements=announcements, metrics=metrics)
    assert before.forecast is not None
    own = before.forecast.values[0, 0]
    # Its tenth step begins the sale; five steps have been measured.
    assert before.forecast.values[4, 0] == own
    assert before.forecast.values[5, 0] == 2 * own
    assert before.degraded == ("announcements: still reading the topic",)
    kinds = {"taken": 2.0, "poison": 1.0}
    for kind, count in kinds.items():
        value = metrics.registry.get_sample_value("headstart_announcements_total", {"kind": kind})
        assert value == count
    after = await told(20, announcements=announcements)
    assert "announcement s: its demand did not come, and is waited for no longer" in after.degraded
    assert announcements.is_closed
