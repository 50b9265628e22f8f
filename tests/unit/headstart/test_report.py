"""The report: one page that stands alone, tells the truth, and stays small."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest

from headstart.report.axes import clock_text, number_text, round_ticks, share_text, time_ticks
from headstart.report.content import Comparison, Decision, Fan, ReportInput
from headstart.report.page import render_report
from headstart.report.sentences import against_bound, against_reactive, headline
from headstart.report.summary import tiles
from headstart.report.thinning import changes, thin

HPA = Comparison(name="Kubernetes HPA", attained_share=0.95, gpu_seconds=7200.0)
BOUND = Comparison(name="the future", attained_share=0.99, gpu_seconds=3000.0, is_bound=True)


def a_run(
    *, count: int = 60, attained: float = 0.995, gpu_seconds: float = 3600.0, **other: Any
) -> ReportInput:
    times = 600.0 + np.arange(count) * 10.0
    own = Comparison(name="Headstart", attained_share=attained, gpu_seconds=gpu_seconds)
    known: dict[str, Any] = {
        "title": "A run",
        "times": times,
        "demand": np.full(count, 50.0),
        "target": np.full(count, 6.0),
        "ready": np.full(count, 6.0),
        "restoring": np.zeros(count),
        "lead_time_seconds": np.full(count, 60.0),
        "late_share": np.zeros(count),
        "capacity_per_replica": 10.0,
        "objective": 0.99,
        "wait_seconds": 2.0,
        "comparisons": (own, HPA, BOUND),
        "requests_total": 1000.0,
        "requests_missed": 5.0,
        "restores": 3,
    }
    return ReportInput(**{**known, **other})


class _Page(HTMLParser):
    """Collects what a browser would fetch, and whether tags are balanced."""

    VOID = frozenset({"meta", "line", "rect", "circle", "path", "br"})

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.open: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self.VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name in ("src", "href", "data", "action", "xlink:href"):
                self.fetched.append(f"{tag} {value}")
            if name == "id":
                self.ids.append(value or "")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def parsed(html: str) -> _Page:
    page = _Page()
    page.feed(html)
    page.close()
    return page


def test_the_page_fetches_nothing_and_is_well_formed() -> None:
    html = render_report(a_run())
    page = parsed(html)
    assert page.fetched == []
    assert not re.search(r"https?:|url\(|@import|//[a-z]", html)
    assert page.open == ["meta"] or page.open == []
    assert len(page.ids) == len(set(page.ids))


def test_every_chart_is_described_for_who_cannot_see_it() -> None:
    html = render_report(a_run())
    assert html.count("<svg viewBox") == html.count('role="img"') + 1  # the mark is decoration
    assert html.count("<desc") == html.count('role="img"') == 5


def test_a_fortnight_of_plans_stays_below_two_megabytes() -> None:
    count = 14 * 24 * 720
    wild = np.random.default_rng(1)
    noise = wild.uniform(0, 1000, count)
    fan = Fan(quantiles=(0.5, 0.9, 0.99), values=np.stack([noise, noise + 5, noise + 9]))
    busy = wild.integers(0, 40, count).astype(np.float64)
    run = a_run(
        count=count, demand=noise, fan=fan, ready=busy, target=busy, late_share=noise / 1000
    )
    run = replace(run, decisions=tuple(Decision(at=600.0, text="x" * 80) for _ in range(5000)))
    assert len(render_report(run).encode()) < 2_000_000


@pytest.mark.parametrize(
    ("origin", "step", "told"),
    [
        (1767225600.0, 10.0, "00:10:10"),
        (1767225600.0 - 900.0, 10.0, "23:55:10"),
        (1767225600.0 - 900.0, 60.0, "Dec 31, 23:55:10"),
        (1767225600.0, 7200.0, "Jan 1, 00:10:10"),
        (None, 10.0, "0:10:10"),
        (None, 7200.0, "day 1, 0:10:10"),
    ],
)
def test_a_decision_has_its_day_where_the_run_is_on_several(
    origin: float | None, step: float, told: str
) -> None:
    times = 600.0 + np.arange(20) * step
    decisions = (Decision(at=610.0, text="start 1 restore"),)
    run = a_run(count=20, times=times, origin_epoch_seconds=origin, decisions=decisions)
    assert f"<tr><td>{told}</td><td>start 1 restore</td>" in render_report(run)


@pytest.mark.parametrize(
    ("counts", "note"),
    [
        (
            {"restores": 9, "restores_hit": 4, "restores_cancelled": 2, "restores_failed": 1},
            "4 needed, and ready before any request was late, 2 given up, 1 failed",
        ),
        (
            {"restores": 3, "restores_hit": 3},
            "3 needed, and ready before any request was late, none failed",
        ),
        ({"restores": 0}, "none was started"),
    ],
)
def test_what_came_of_the_restores_is_counted(counts: dict[str, int], note: str) -> None:
    assert f"<strong>{counts['restores']}</strong><p>{note}</p>" in tiles(a_run(**counts))


def test_one_of_a_thing_is_named_as_one() -> None:
    one: dict[str, Any] = {"measured_at": np.array([700.0]), "measured_seconds": np.array([60.0])}
    decisions = (Decision(at=610.0, text="start 1 restore"),)
    html = render_report(a_run(ready=np.ones(60), decisions=decisions, **one))
    assert "from 1 measured restore<" in html
    assert "1 measured restore; the plan" in html
    assert "Up to 1 replica is ready" in html
    assert "and why (1 decision)<" in html
    late = Comparison(name="Knative", attained_share=0.999, gpu_seconds=7200.0)
    best = Comparison(name="Headstart", attained_share=1.0, gpu_seconds=3600.0)
    assert ": 1 late request, against none" in against_reactive(a_run(comparisons=(best, late)))


def test_text_from_outside_cannot_become_markup() -> None:
    evil = "</script><script>alert(1)</script>"
    run = a_run(title=evil, decisions=(Decision(at=600.0, text=evil),), notes=(evil,))
    assert evil not in render_report(run)


def test_hover_values_are_json_with_unknown_as_null() -> None:
    demand = np.full(60, 50.0)
    demand[3] = np.nan
    html = render_report(a_run(demand=demand))
    found = re.search(r'id="values">(.*?)</script>', html)
    assert found is not None
    shown = json.loads(found.group(1))
    row = shown["charts"]["demand"]["rows"][0]
    assert row["label"] == "demand"
    assert row["values"][2:5] == [50.0, None, 50.0]


def test_a_gap_in_demand_breaks_its_line() -> None:
    demand = np.full(60, 50.0)
    demand[20:30] = np.nan
    whole = render_report(a_run()).split('class="line ink" d="')[1].split('"')[0]
    gapped = render_report(a_run(demand=demand)).split('class="line ink" d="')[1].split('"')[0]
    assert (whole.count("M"), gapped.count("M")) == (1, 2)


def test_without_a_late_request_the_page_says_so() -> None:
    sentence = "No request waited 2 s or longer."
    assert sentence in render_report(a_run())
    assert sentence not in render_report(a_run(late_share=np.full(60, 0.1)))


@pytest.mark.parametrize(
    ("attained", "verb"), [(0.9900, "kept"), (0.9899, "fell short of"), (1.0, "kept")]
)
def test_the_headline_says_whether_the_objective_held(attained: float, verb: str) -> None:
    assert headline(a_run(attained=attained)).startswith(f"Headstart {verb} the objective")


def test_against_reactive_scaling_lateness_and_gpus_are_compared() -> None:
    assert against_reactive(a_run()) == (
        "Kubernetes HPA, which acts when demand has already come, would have kept 95 % with "
        "2.0 GPU-hours: 10.0 times as many late requests as with Headstart, which took 50 % less "
        "GPU time."
    )
    assert "fewer late requests than with Headstart" in against_reactive(a_run(attained=0.9))
    assert "50 late requests, against none" in against_reactive(a_run(attained=1.0))


def test_the_bound_is_named_as_what_nobody_could_do() -> None:
    assert against_bound(a_run()).endswith("Headstart used 20 % more than that bound.")
    assert against_bound(replace(a_run(), comparisons=a_run().comparisons[:2])) == ""


def test_who_misses_the_objective_is_not_said_to_have_beaten_the_bound() -> None:
    told = against_bound(a_run(attained=0.9, gpu_seconds=1500.0))
    assert told == (
        "A planner that knew the future would have needed 0.8 GPU-hours to keep the objective; "
        "Headstart used 50 % less, and fell short of it."
    )


def test_a_bound_that_misses_the_objective_is_said_to() -> None:
    run = a_run()
    bound = replace(BOUND, attained_share=0.966)
    told = against_bound(replace(run, comparisons=(run.own, HPA, bound)))
    assert told == (
        "Not even a planner that knew the future was found to keep the objective: with "
        "0.8 GPU-hours it would have kept 96.6 %."
    )


def test_where_money_decides_who_serves_less_is_not_said_to_have_beaten_the_bound() -> None:
    rows = (a_run(attained=0.4, gpu_seconds=1500.0).own, HPA, replace(BOUND, attained_share=0.5))
    priced = tuple(replace(row, money=1.0) for row in rows)
    told = against_bound(a_run(objective=None, comparisons=priced))
    assert told == (
        "A planner that knew the future would have needed 0.8 GPU-hours to serve 50 % in time; "
        "Headstart used 50 % less, and served 40 %."
    )


def test_a_run_that_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(ValueError, match="demand: 3 values, 60 times"):
        a_run(demand=np.zeros(3))
    with pytest.raises(ValueError, match="comparisons: none given"):
        a_run(comparisons=())


def test_thinning_keeps_peaks_and_gaps() -> None:
    values = np.zeros(10_000)
    values[7777] = 5.0
    values[3000:4000] = np.nan
    times, kept = thin(np.arange(10_000.0), values, 100)
    assert len(kept) <= 100
    assert kept[times == 7777.0] == [5.0]
    assert np.isnan(kept).any()


def test_steps_keep_only_where_they_change_and_their_ends() -> None:
    times, kept = changes(np.arange(6.0), np.array([1.0, 1.0, 2.0, 2.0, 2.0, 2.0]))
    assert times.tolist() == [0.0, 2.0, 5.0]
    assert kept.tolist() == [1.0, 2.0, 2.0]


@pytest.mark.parametrize("highest", [0.003, 0.9, 7.0, 99.0, 101.0, 12_345.0])
def test_axes_end_above_the_highest_value_with_few_ticks(highest: float) -> None:
    ticks = round_ticks(highest)
    assert ticks[0] == 0.0
    assert highest <= ticks[-1] < 2.5 * highest
    assert 3 <= len(ticks) <= 6


def test_an_axis_of_nothing_still_has_a_height() -> None:
    assert round_ticks(0.0) == (0.0, 1.0)


@pytest.mark.parametrize("span", [60.0, 3600.0, 86400.0, 14 * 86400.0, 400 * 86400.0])
def test_time_labels_are_few_and_inside(span: float) -> None:
    ticks = time_ticks(1000.0, 1000.0 + span)
    assert 2 <= len(ticks) <= 16
    assert 1000.0 <= ticks[0] < ticks[-1] <= 1000.0 + span


def test_a_share_below_its_objective_is_never_rounded_up_to_it() -> None:
    assert [share_text(share) for share in (0.98999, 0.99, 0.99999, 1.0)] == [
        "98.9 %",
        "99 %",
        "99.999 %",
        "100 %",
    ]


def test_numbers_and_times_read_as_people_write_them() -> None:
    assert [number_text(n) for n in (1234.5, 12.34, 1.234, 3.0)] == ["1,234", "12.3", "1.23", "3"]
    assert clock_text(3600.0, None, span_seconds=7200.0) == "1:00"
    assert clock_text(90_000.0, None, span_seconds=200_000.0) == "day 2, 1:00"
    assert clock_text(60.0, 1_772_460_000.0, span_seconds=3600.0) == "14:01"
