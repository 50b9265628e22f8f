from __future__ import annotations

from dataclasses import replace

import pytest

from models.outlook import CLOCKS_APART_SECONDS, Outlook, without_future
from tests.unit.controller.builders import NOW, a_forecast, a_reading, an_outlook

OUTLOOK = an_outlook(reading=a_reading(), forecast=a_forecast())
SAID = "clock: the predictor's is 3600 s ahead; what it says of then is not used"


@pytest.mark.parametrize("ahead", [-3600.0, 0.0, CLOCKS_APART_SECONDS])
def test_an_outlook_stays_as_it_is_while_clocks_differ_by_little(ahead: float) -> None:
    assert without_future(OUTLOOK, now=NOW - ahead) is OUTLOOK
    assert not a_reading().is_ahead(now=NOW - ahead)


def test_of_an_outlook_from_the_future_nothing_is_left_but_what_is_wrong() -> None:
    told = replace(OUTLOOK, degraded=("prometheus: no answer",))
    left = without_future(told, now=NOW - 3600.0)
    assert (left.reading, left.forecast) == (None, None)
    assert left.degraded == ("prometheus: no answer", SAID)


def test_what_was_measured_now_is_used_whatever_the_clock_of_who_told_it() -> None:
    told = replace(OUTLOOK, published_at=NOW + 3600.0)
    left = without_future(told, now=NOW)
    assert (left.reading, left.forecast) == (OUTLOOK.reading, OUTLOOK.forecast)
    assert left.degraded == (SAID,)


@pytest.mark.parametrize(
    ("told", "has_reading"),
    [
        (an_outlook(reading=a_reading(), forecast=a_forecast(issued_at=NOW + 3600.0)), True),
        (an_outlook(reading=a_reading(at=NOW + 3600.0), forecast=a_forecast()), False),
    ],
)
def test_each_part_goes_by_its_own_time(told: Outlook, has_reading: bool) -> None:
    left = without_future(told, now=NOW)
    assert (left.reading is not None, left.forecast is not None) == (has_reading, not has_reading)
    assert left.degraded == (SAID,)


def test_an_outlook_that_says_nothing_is_ahead_by_when_it_was_told() -> None:
    assert without_future(an_outlook(), now=NOW - 3600.0).degraded == (SAID,)
