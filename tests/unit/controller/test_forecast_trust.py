from dataclasses import replace

from controller.forecast_trust import ForecastTrust, judged, trusted
from models.forecast import KNOWN_EVENTS, Forecast
from models.outlook import Outlook
from tests.unit.controller.builders import a_forecast, a_reading, an_outlook

STEP_SECONDS = 10.0


def said(per_second: float, at: float) -> Forecast:
    return a_forecast(per_second, issued_at=at)


def outlook_at(at: float, *, demand: float | None, forecast: float) -> Outlook:
    reading = None if demand is None else replace(a_reading(demand, at=at), window_seconds=10.0)
    return an_outlook(reading=reading, forecast=said(forecast, at))


def after(
    seconds: float,
    *,
    demand: float | None = 10.0,
    forecast: float = 10.0,
    plain: float = 10.0,
    begin: float = 0.0,
    trust: ForecastTrust | None = None,
) -> ForecastTrust:
    """Return the trust after a while in which each step brings a reading and a forecast."""
    trust = trust or ForecastTrust()
    for number in range(round(seconds / STEP_SECONDS)):
        now = begin + number * STEP_SECONDS
        trust = judged(
            trust,
            outlook_at(now, demand=demand, forecast=forecast),
            now=now,
            plain_per_second=plain,
        )
    return trust


def test_a_good_forecast_is_leaned_on() -> None:
    outlook = outlook_at(3600.0, demand=10.0, forecast=11.0)
    assert trusted(outlook, after(3600.0, forecast=11.0)) is outlook


def test_one_that_is_wildly_wrong_is_given_up_within_minutes() -> None:
    good = after(3600.0)
    assert not after(60.0, forecast=30.0, begin=3600.0, trust=good).is_lost
    lost = after(300.0, forecast=30.0, begin=3600.0, trust=good)
    assert lost.is_lost
    outlook = outlook_at(3900.0, demand=10.0, forecast=30.0)
    assert trusted(outlook, lost) == replace(outlook, forecast=None)


def test_one_that_is_wrong_from_the_beginning_is_given_up_once_that_is_known() -> None:
    assert not after(60.0, forecast=30.0).is_lost
    assert after(180.0, forecast=30.0).is_lost


def test_too_low_is_as_wrong_as_too_high() -> None:
    assert after(600.0, forecast=1.0).is_lost


def test_it_is_forgiven_within_hours() -> None:
    lost = after(7200.0, forecast=30.0)
    assert after(600.0, begin=7200.0, trust=lost).is_lost
    assert not after(3 * 3600.0, begin=7200.0, trust=lost).is_lost


def test_where_nobody_could_tell_a_forecast_may_err_too() -> None:
    # Demand was to stay at 1 as far as could be seen, and is 10.
    assert not after(3600.0, demand=10.0, forecast=2.0, plain=1.0).is_lost


def test_silence_says_nothing_of_a_forecast() -> None:
    assert after(3600.0, demand=None, forecast=30.0).seconds == 0.0
    heard_once = judged(
        after(3600.0, demand=None, forecast=30.0),
        outlook_at(3600.0, demand=10.0, forecast=30.0),
        now=3600.0,
        plain_per_second=10.0,
    )
    # Of all that was due meanwhile, what was said of the last step was measured.
    assert heard_once.seconds == STEP_SECONDS


def test_a_part_of_demand_says_nothing_of_a_forecast() -> None:
    good = after(3600.0)
    part = outlook_at(3600.0, demand=2.0, forecast=10.0)
    assert part.reading is not None
    part = replace(part, reading=replace(part.reading, is_at_least=True))
    after_it = judged(good, part, now=3600.0, plain_per_second=10.0)
    assert (after_it.measured_at, after_it.excess) == (good.measured_at, good.excess)


def test_an_outlook_that_is_missing_or_has_no_forecast_changes_nothing() -> None:
    lost = after(600.0, forecast=30.0)
    assert trusted(None, lost) is None
    bare = an_outlook()
    assert trusted(bare, lost) is bare
    for outlook in (None, bare):
        assert judged(lost, outlook, now=0.0, plain_per_second=1.0) is lost


def test_what_lies_beyond_the_horizon_is_not_judged() -> None:
    outlook = outlook_at(0.0, demand=10.0, forecast=30.0)
    assert outlook.forecast is not None
    end = len(outlook.forecast.values) * outlook.forecast.step_seconds
    trust = judged(
        ForecastTrust(),
        outlook,
        now=end - 20.0,
        plain_per_second=10.0,
    )
    assert trust.awaited == ()


def test_what_was_known_is_no_forecast() -> None:
    outlook = outlook_at(0.0, demand=10.0, forecast=30.0)
    assert outlook.forecast is not None
    known = replace(outlook, forecast=replace(outlook.forecast, known_steps=4))
    for one, due_at in ((outlook, 35.0), (known, 70.0)):
        (awaited,) = judged(ForecastTrust(), one, now=5.0, plain_per_second=10.0).awaited
        assert awaited.due_at == due_at


def test_what_was_announced_is_neither_judged_nor_withheld() -> None:
    announced = replace(said(30.0, 0.0), basis="blend" + KNOWN_EVENTS)
    outlook = an_outlook(reading=a_reading(10.0, at=0.0), forecast=announced)
    trust = judged(ForecastTrust(), outlook, now=0.0, plain_per_second=10.0)
    assert trust.awaited == ()
    assert trusted(outlook, after(600.0, forecast=30.0)) is outlook


def test_a_new_forecast_changes_nothing_but_what_is_awaited() -> None:
    known = after(600.0, forecast=30.0)
    assert known.is_lost
    told = judged(known, an_outlook(forecast=said(10.0, 600.0)), now=600.0, plain_per_second=10.0)
    assert told == known._replace(awaited=told.awaited, issued_at=600.0)
    assert told.awaited[:-1] == known.awaited
    assert told.awaited[-1].due_at == 630.0
    # Not for want of anything to lose.
    nothing = ForecastTrust()
    assert not [
        name for name in ForecastTrust._fields if getattr(known, name) == getattr(nothing, name)
    ]
