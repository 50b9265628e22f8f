"""What becomes of the steps of one answer: odd ones are missing and said, the rest is read."""

from __future__ import annotations

import json

import pytest
from numpy.testing import assert_array_equal

from predictor.adapters.prometheus_answer import RangeAnswer, parse_range
from predictor.adapters.prometheus_samples import Grid
from predictor.errors import SourceUnavailableError
from tests.unit.predictor.builders import NAN

GRID = Grid(first=1000.0, step_seconds=10.0, points=4)
SEVERAL = "the query returns 2 series, one is needed; put sum() around it (at {:.3f})"


def parsed(*series: dict[str, object], grid: Grid = GRID, **extra: object) -> RangeAnswer:
    data = {"resultType": "matrix", "result": list(series)}
    return parse_range(json.dumps({"status": "success", "data": data, **extra}).encode(), grid)


def floats(*values: str, first: float = 1000.0) -> dict[str, object]:
    return {"values": [[first + 10.0 * place, value] for place, value in enumerate(values)]}


@pytest.mark.parametrize(
    ("odd", "said"),
    [
        ("-0.5", "answered a demand of -0.5 at 1010.000; demand can't be negative"),
        ("2e12", "answered a demand of 2e+12 at 1010.000; more than 1e+12 per second is not"),
    ],
)
def test_one_odd_sample_costs_its_own_step_alone(odd: str, said: str) -> None:
    answer = parsed(floats("20", odd, "21", odd))
    assert_array_equal(answer.values, [20, NAN, 21, NAN])
    assert_array_equal(answer.is_odd, [False, True, False, True])
    (sentence,) = answer.oddities
    assert sentence.startswith(said)


def test_the_highest_demand_that_is_believed_and_a_hair_below_zero_are_not_odd() -> None:
    answer = parsed(floats("1e12", "-1e-10"))
    assert_array_equal(answer.values, [1e12, 0, NAN, NAN])
    assert answer.oddities == ()


def test_a_second_series_costs_the_steps_that_both_have() -> None:
    answer = parsed(floats("1", "2", "3"), floats("7", "8", first=1020.0))
    assert_array_equal(answer.values, [1, 2, NAN, 8])
    assert answer.oddities == (SEVERAL.format(1020),)


def test_a_series_that_takes_over_from_another_is_demand() -> None:
    answer = parsed(floats("7", "8", first=1020.0), floats("1", "2"))
    assert_array_equal(answer.values, [1, 2, 7, 8])
    assert not answer.is_odd.any()


def test_of_two_series_neither_is_looked_at_further() -> None:
    assert parsed(floats("-1", "2"), floats("NaN")).oddities == (SEVERAL.format(1000),)


def test_each_kind_of_oddity_is_said_once_with_its_first_step() -> None:
    answer = parsed(floats("-1", "-2", "3e12"), floats("9", first=1030), floats("9", first=1030))
    assert [text.split(";")[0] for text in answer.oddities] == [
        "the query returns 2 series, one is needed",
        "answered a demand of -1 at 1000.000",
        "answered a demand of 3e+12 at 1020.000",
    ]


def test_a_histogram_among_floats_costs_its_own_step_alone() -> None:
    answer = parsed({**floats("1", "2"), "histograms": [[1020, {"count": "5"}]]})
    assert_array_equal(answer.values, [1, 2, NAN, NAN])
    assert_array_equal(answer.is_odd, [False, False, True, False])
    assert answer.oddities == ("answered a histogram at 1020.000; a float is needed",)
    assert parsed({"histograms": [[1020, {}]]}).oddities == answer.oddities


@pytest.mark.parametrize("at", [10**400, 1e308, -1e308])
def test_a_time_beyond_all_numbers_is_refused_in_one_line(at: float) -> None:
    fine = Grid(first=1000.0, step_seconds=0.5, points=4)
    with pytest.raises(SourceUnavailableError, match=r"^answered a sample (at|that can't be read)"):
        parsed({"values": [[at, "1"]]}, grid=fine)


def test_a_histogram_without_a_time_is_refused() -> None:
    with pytest.raises(SourceUnavailableError, match=r"^answered a sample that can't be read: 7$"):
        parsed({"histograms": [7]})


def test_a_warning_says_that_part_is_missing_unless_the_query_itself_is_meant() -> None:
    annotations = ["PromQL warning: encountered a mix", "PromQL info: might not be a counter"]
    whole = parsed(floats("1"), warnings=annotations, infos=["PromQL info: not a counter"])
    assert not whole.is_partial
    assert whole.warnings == (*annotations, "PromQL info: not a counter")
    lost = parsed(floats("1"), warnings=["store b\nunavailable", annotations[0], "store c"])
    assert lost.is_partial
    assert lost.warnings == (
        annotations[0],
        "a partial answer, whose steps count as missing: store b unavailable; store c",
    )
    assert_array_equal(lost.values, [1, NAN, NAN, NAN])


def test_a_field_of_its_own_may_say_that_an_answer_is_partial() -> None:
    assert not parsed(floats("1"), isPartial=False).is_partial
    lost = parsed(floats("1"), isPartial=True)
    assert lost.is_partial
    assert lost.warnings == ("a partial answer, whose steps count as missing: no reason given",)
