"""When an outlook is published: at news, at most so often, and now and then."""

from __future__ import annotations

from dataclasses import replace

import pytest

from models.forecast_record import Fence
from models.outlook import DemandReading, Outlook
from predictor.publication import REPEAT_SECONDS, TOO_LONG, Published, is_due, without_forecast
from tests.unit.predictor.builders import CHAT, a_forecast

FENCE = Fence(group="predictors", era=1, generation=4)
READING = DemandReading(measured_at=95.0, window_seconds=10.0, per_second=3.0)
OUTLOOK = Outlook(workload=CHAT, published_at=100.0, reading=READING, forecast=a_forecast())
BEFORE = Published(outlook=OUTLOOK, fence=FENCE, at=100.0)
SAME = replace(OUTLOOK, published_at=102.0)
NEWS = replace(SAME, reading=replace(READING, measured_at=105.0))


def due(outlook: Outlook, *, now: float, fence: Fence = FENCE) -> bool:
    return is_due(outlook, fence, BEFORE, now=now, least_seconds=2.0)


def test_the_first_is_due_and_so_is_the_first_in_a_new_right() -> None:
    assert is_due(OUTLOOK, FENCE, None, now=100.0, least_seconds=2.0)
    assert due(OUTLOOK, now=100.5, fence=replace(FENCE, generation=5))


@pytest.mark.parametrize(
    "news",
    [
        NEWS,
        replace(SAME, forecast=None),
        replace(SAME, reading=None),
        replace(SAME, degraded=("kafka: silent",)),
    ],
)
def test_news_are_due_at_most_every_so_often(news: Outlook) -> None:
    assert not due(news, now=101.9)
    assert due(news, now=102.0)


def test_what_says_nothing_new_is_repeated_as_a_sign_of_life() -> None:
    assert not due(SAME, now=99.0 + REPEAT_SECONDS)
    assert due(SAME, now=100.0 + REPEAT_SECONDS)


def test_the_very_same_outlook_is_no_sign_of_life() -> None:
    assert not due(OUTLOOK, now=1000.0)


def test_a_clock_that_was_set_back_silences_nobody() -> None:
    assert due(NEWS, now=50.0)


def test_what_is_too_long_goes_without_its_forecast_and_says_so() -> None:
    shorter = without_forecast(OUTLOOK)
    assert (shorter.forecast, shorter.reading, shorter.degraded) == (None, READING, (TOO_LONG,))
