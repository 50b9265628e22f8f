"""What many sources of one Prometheus ask it for, and how many of them at once."""

from __future__ import annotations

import asyncio
import threading

import numpy as np
from numpy.testing import assert_array_equal

from predictor.adapters.prometheus import PrometheusSource
from predictor.adapters.prometheus_connections import AT_ONCE, PrometheusConnections
from predictor.ports import SourceReading
from predictor.settings import PrometheusSettings
from tests.integration.predictor.loopback import Handler, web_server
from tests.integration.predictor.prometheus_answers import (
    START,
    STEP,
    a_source_at,
    echoing,
    matrix,
)

NAN = float("nan")


class Asked:
    """A source at a clock that the test sets, and what it asked for so far, in steps."""

    def __init__(self, url: str, requests: list[Handler]) -> None:
        self.now = START
        self.source = a_source_at(lambda: self.now, url)
        self._requests = requests

    async def read(self, at: float, first: int, last: int) -> SourceReading:
        self.now = START + at
        return await self.source.read(
            start=START + first * STEP, end=START + last * STEP, step_seconds=STEP
        )

    @property
    def spans(self) -> list[tuple[int, int]]:
        """The first and the last step of each request."""
        return [
            (self._step(one.form["start"]), self._step(one.form["end"])) for one in self._requests
        ]

    def _step(self, time: str) -> int:
        return round((float(time) - START) / STEP)


async def test_steps_that_are_known_are_not_asked_for_again() -> None:
    with web_server(echoing) as (url, requests):
        asked = Asked(url, requests)
        await asked.read(205, 0, 20)
        reading = await asked.read(215, 5, 21)
        assert_array_equal(reading.series.values, np.arange(6, 22))
        assert (reading.series.start, reading.complete_until) == (START + 50, START + 210)
        assert asked.spans == [(1, 20), (21, 21)]
        # Before what is known, and in other steps, everything is asked for.
        await asked.read(216, 0, 21)
        await asked.source.read(start=START, end=START + 200, step_seconds=20.0)
        assert asked.spans[2:] == [(1, 21), (2, 20)]


async def test_nothing_is_asked_for_between_two_steps() -> None:
    with web_server(echoing) as (url, requests):
        asked = Asked(url, requests)
        await asked.read(205, 0, 20)
        for at in (207, 209, 211, 213):
            reading = await asked.read(at, 1, int(at // 10))
            assert_array_equal(reading.series.values[:19], np.arange(2, 21))
            assert np.isnan(reading.series.values[19:]).all()
            assert reading.complete_until == START + 200
        assert asked.spans == [(1, 20)]


async def test_a_server_that_was_not_heard_for_long_is_asked_though_all_is_known() -> None:
    with web_server(echoing) as (url, requests):
        asked = Asked(url, requests)
        for at in (305, 314, 315.5, 316):
            asked.now = START + at
            await asked.source.read(start=START, end=START + 300, step_seconds=50.0)
        assert asked.spans == [(5, 30), (30, 30)]


async def test_a_missing_step_is_asked_for_again_and_all_that_followed_it() -> None:
    missing = {3}

    def gappy(handler: Handler) -> None:
        start, end = (float(handler.form[name]) for name in ("start", "end"))
        times = np.arange(start, end + 1, STEP).tolist()
        handler.reply(
            matrix([[at, "7"] for at in times if round((at - START) / STEP) not in missing])
        )

    with web_server(gappy) as (url, requests):
        asked = Asked(url, requests)
        first = await asked.read(105, 0, 10)
        assert np.isnan(first.series.values[2])
        missing.clear()
        second = await asked.read(115, 1, 11)
        assert_array_equal(second.series.values, np.full(10, 7.0))
        assert asked.spans == [(1, 10), (3, 11)]


async def test_what_has_been_missing_for_long_is_not_asked_for_again() -> None:
    with web_server(lambda handler: handler.reply(matrix(answers.pop(0)))) as (url, requests):
        known: list[list[object]] = [[START + step * STEP, "7"] for step in range(5, 21)]
        answers = [known, [[START + 210, "8"]]]
        asked = Asked(url, requests)
        await asked.read(205, 0, 20)
        reading = await asked.read(215, 0, 21)
        assert_array_equal(reading.series.values, [NAN] * 4 + [7.0] * 16 + [8.0])
        assert asked.spans == [(1, 20), (21, 21)]


async def test_a_series_that_is_gone_is_said_though_what_was_before_is_known() -> None:
    answers = [matrix([[START + 10, "1"], [START + 20, "1"]]), matrix()]
    with web_server(lambda handler: handler.reply(answers.pop(0))) as (url, requests):
        asked = Asked(url, requests)
        assert (await asked.read(25, 0, 2)).warnings == ()
        assert (await asked.read(35, 0, 3)).warnings == ("the query matches no series",)


def until_step(handler: Handler, demand: dict[int, str]) -> list[list[object]]:
    """Return a sample for each step asked for: 7, or what ``demand`` says."""
    start, end = (float(handler.form[name]) for name in ("start", "end"))
    times = np.arange(start, end + 1, STEP).tolist()
    return [[at, demand.get(round((at - START) / STEP), "7")] for at in times]


async def test_an_odd_step_is_said_while_it_may_change_and_holds_up_nothing() -> None:
    odd = {20: "-0.5"}
    with web_server(lambda one: one.reply(matrix(until_step(one, odd)))) as (url, requests):
        asked = Asked(url, requests)
        reading = await asked.read(205, 0, 20)
        assert reading.complete_until == START + 200
        assert np.isnan(reading.series.values[19])
        said = "answered a demand of -0.5 at 1000200.000; demand can't be negative"
        for at in (215, 315):
            reading = await asked.read(at, 0, at // 10)
            assert reading.series.values[-1] == 7
            assert reading.warnings == (f"{said}; such steps count as missing",)
        reading = await asked.read(325, 0, 32)
        assert np.isnan(reading.series.values[19])
        assert (reading.warnings, asked.spans[-1]) == ((), (32, 32))


async def test_a_partial_answer_is_not_believed_and_filled_by_the_next_whole_one() -> None:
    remarks: dict[str, object] = {}

    def shop(handler: Handler) -> None:
        demand = dict.fromkeys(range(100), "1") if remarks else {}
        handler.reply(matrix(until_step(handler, demand), **remarks))

    with web_server(shop) as (url, requests):
        asked = Asked(url, requests)
        await asked.read(205, 0, 20)
        remarks["warnings"] = ["store b: unavailable"]
        for at in (225, 227, 625):
            reading = await asked.read(at, 0, at // 10)
            assert_array_equal(reading.series.values, [7.0] * 20 + [NAN] * (at // 10 - 20))
            assert reading.complete_until == START + 200
            assert reading.recent is not None
            assert (reading.recent.per_second, reading.recent.is_at_least) == (1.0, True)
            assert "store b: unavailable" in reading.warnings[0]
        remarks.clear()
        reading = await asked.read(635, 0, 63)
        assert_array_equal(reading.series.values, [7.0] * 63)
        assert (reading.complete_until, reading.recent) == (START + 630, None)
        assert asked.spans[-1] == (21, 63)


async def test_where_every_answer_is_partial_history_and_present_go_on_without() -> None:
    body = matrix([[START + 10, "1"]], warnings=["store b: unavailable"])
    with web_server(lambda handler: handler.reply(body)) as (url, requests):
        asked = Asked(url, requests)
        assert (await asked.read(9000, 0, 5)).complete_until == START
        assert (await asked.read(9599, 0, 5)).complete_until == START
        reading = await asked.read(9600, 0, 5)
        assert reading.complete_until >= START + 50
        assert np.isnan(reading.series.values).all()


async def test_many_sources_share_few_connections_and_all_are_answered() -> None:
    lock, at_once, most = threading.Lock(), 0, 0

    def counting(handler: Handler) -> None:
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        threading.Event().wait(0.01)
        with lock:
            at_once -= 1
        echoing(handler)

    with web_server(counting) as (url, requests):
        connections = PrometheusConnections(PrometheusSettings(url=url))
        sources = [PrometheusSource(connections, query=f"q{number}") for number in range(100)]
        readings = await asyncio.gather(
            *(one.read(start=START, end=START + 30, step_seconds=STEP) for one in sources)
        )
        assert len(requests) == 100
        assert all(list(one.series.values) == [1, 2, 3] for one in readings)
        assert 1 < most <= AT_ONCE
        for source in sources:
            await source.close()


async def test_queries_that_hang_do_not_go_on_holding_up_the_others() -> None:
    released = threading.Event()

    def answer(handler: Handler) -> None:
        if handler.form["query"] == "hangs":
            released.wait(20)
        echoing(handler)

    async def read(source: PrometheusSource) -> SourceReading:
        return await source.read(start=START, end=START + 30, step_seconds=STEP)

    with web_server(answer) as (url, _):
        settings = PrometheusSettings(url=url, deadline_seconds=0.5, read_timeout_seconds=0.5)
        connections = PrometheusConnections(settings)
        hanging = [PrometheusSource(connections, query="hangs") for _ in range(2 * AT_ONCE)]
        quick = PrometheusSource(connections, query="quick")
        try:
            await asyncio.gather(*map(read, hanging), return_exceptions=True)
            stuck = [asyncio.create_task(read(one)) for one in hanging]
            await asyncio.sleep(0)
            assert list((await read(quick)).series.values) == [1, 2, 3]
            assert not any(task.done() and task.exception() is None for task in stuck)
            await asyncio.gather(*stuck, return_exceptions=True)
        finally:
            released.set()


async def test_connections_are_kept_open_until_the_last_source_is_closed() -> None:
    connections = PrometheusConnections(PrometheusSettings(url="http://127.0.0.1:1"))
    connections.join()
    lent = await connections.lend(was_late=False)
    connections.give_back(lent)
    again = await connections.lend(was_late=True)
    assert again.client is lent.client
    connections.leave()
    connections.give_back(again)
    assert (await connections.lend(was_late=False)).client is not lent.client
