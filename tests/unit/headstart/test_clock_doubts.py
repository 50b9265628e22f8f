"""Clocks that differ are told with every outlook, as demand may be that of another time."""

from __future__ import annotations

import pytest

from headstart.clock_doubts import ClockDoubts, doubt_of
from models.forecast import WorkloadName
from models.outlook import Outlook

CHAT = WorkloadName("team/chat")


class Told:
    """Outlooks as they were told."""

    def __init__(self, *outlooks: Outlook) -> None:
        self.known = {one.workload: one for one in outlooks}

    def latest(self, workload: WorkloadName) -> Outlook | None:
        return self.known.get(workload)


def an_outlook(*degraded: str) -> Outlook:
    return Outlook(
        workload=CHAT, published_at=1000.0, reading=None, forecast=None, degraded=degraded
    )


@pytest.mark.parametrize("seconds", [0.0, 4.0, -4.0])
def test_clocks_that_agree_leave_outlooks_as_they_are(seconds: float) -> None:
    told = Told(an_outlook("no forecast yet"))
    assert ClockDoubts(told, lambda: seconds).latest(CHAT) is told.known[CHAT]
    assert ClockDoubts(Told(), lambda: 3600.0).latest(CHAT) is None


def test_an_hour_off_is_said_after_all_else_that_is_not_as_it_should_be() -> None:
    outlook = ClockDoubts(Told(an_outlook("no forecast yet")), lambda: -3600.0).latest(CHAT)
    assert outlook is not None
    first, second = outlook.degraded
    assert first == "no forecast yet"
    assert second.startswith("the API server's clock is 3600 s behind this machine's: demand is")
    assert "60 s ahead of this machine's" in doubt_of(60.0)


def test_an_outlook_is_the_same_until_it_or_the_clock_changes() -> None:
    told, ahead = Told(an_outlook()), [60.0]
    doubts = ClockDoubts(told, lambda: ahead[0])
    first = doubts.latest(CHAT)
    assert doubts.latest(CHAT) is first
    ahead[0] = 90.0
    assert doubts.latest(CHAT) is not first
    told.known[CHAT] = an_outlook("down")
    newest = doubts.latest(CHAT)
    assert newest is not None
    assert newest.degraded[0] == "down"


def test_what_is_doubted_stays_so_until_the_clocks_clearly_agree() -> None:
    ahead = [6.0]
    doubts = ClockDoubts(Told(an_outlook()), lambda: ahead[0])

    def is_doubted(seconds: float) -> bool:
        ahead[0] = seconds
        outlook = doubts.latest(CHAT)
        assert outlook is not None
        return bool(outlook.degraded)

    told = [is_doubted(seconds) for seconds in (4.0, 6.0, 4.0, 2.0, 4.0)]
    assert told == [False, True, True, False, False]
