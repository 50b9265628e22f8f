"""The Prometheus source against servers that answer well, badly, slowly, or not at all."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from predictor.adapters.prometheus import PrometheusSource
from predictor.adapters.prometheus_connections import PrometheusConnections
from predictor.errors import SourceUnavailableError
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
from tests.parts.ports import free_port

NAN = float("nan")


def holding(released: threading.Event) -> Callable[[Handler], None]:
    """Answer nothing until released."""

    def hold(handler: Handler) -> None:
        released.wait(10)

    return hold


def replying(
    body: bytes | str, *, status: int = 200, headers: dict[str, str] | None = None
) -> Callable[[Handler], None]:
    return lambda handler: handler.reply(body, status=status, headers=headers)


def a_source(url: str, *, query: str = "sum(rate(x[1m]))", **settings: Any) -> PrometheusSource:
    connections = PrometheusConnections(PrometheusSettings(url=url, **settings))
    return PrometheusSource(connections, query=query, clock=lambda: START + 1_000_000)


async def read(
    answer: Callable[[Handler], None], *, steps: int = 3, **settings: Any
) -> SourceReading:
    with web_server(answer) as (url, _):
        return await a_source(url, **settings).read(
            start=START, end=START + steps * STEP, step_seconds=STEP
        )


async def test_a_value_is_the_demand_of_the_step_that_ends_at_its_time() -> None:
    reading = await read(replying(matrix([[START + 10, "1.5"], [START + 30, "3"]])))
    assert reading.series.start == START
    assert_array_equal(reading.series.values, [1.5, NAN, 3])


async def test_what_is_not_finite_is_missing() -> None:
    points: list[list[object]] = [[START + 10, "NaN"], [START + 20, "+Inf"], [START + 30, "0"]]
    assert_array_equal((await read(replying(matrix(points)))).series.values, [NAN, NAN, 0])


async def test_an_unmatched_query_is_missing_demand_and_said() -> None:
    reading = await read(replying(matrix()))
    assert np.isnan(reading.series.values).all()
    assert reading.warnings == ("the query matches no series",)


async def at_present(answer: Callable[[Handler], None]) -> SourceReading:
    """Read three steps of which the first two are complete."""
    with web_server(answer) as (url, _):
        source = a_source_at(lambda: START + 26, url)
        return await source.read(start=START, end=START + 30, step_seconds=STEP)


async def test_a_series_that_vanished_is_said_though_older_steps_are_known() -> None:
    reading = await at_present(replying(matrix([[START + 10, "1"]])))
    assert_array_equal(reading.series.values, [1, NAN, NAN])
    assert reading.warnings == ("the query matches no series",)


@pytest.mark.parametrize("newest", [START + 20, START + 30])
async def test_a_series_that_began_just_now_is_matched(newest: float) -> None:
    assert (await at_present(replying(matrix([[newest, "1"]])))).warnings == ()


async def test_warnings_and_infos_of_the_server_are_passed_on() -> None:
    body = matrix([[START + 10, "1"]], warnings=["PromQL warning:\nmix"], infos=["not a counter"])
    reading = await read(replying(body))
    assert reading.warnings == ("PromQL warning: mix", "not a counter")
    assert reading.series.values[0] == 1


async def test_the_step_under_way_and_samples_about_to_come_are_not_complete() -> None:
    with web_server(replying(matrix())) as (url, _):
        source = a_source_at(lambda: START + 34, url)
        reading = await source.read(start=START, end=START + 40, step_seconds=STEP)
    assert reading.complete_until == START + 20


async def test_a_long_span_is_asked_for_in_parts_that_neither_overlap_nor_leave_out() -> None:
    with web_server(echoing) as (url, asked):
        reading = await a_source(url).read(
            start=START, end=START + 25_000 * STEP, step_seconds=STEP
        )
        assert_array_equal(reading.series.values, np.arange(1, 25_001))
        spans = [(float(one.form["start"]), float(one.form["end"])) for one in asked]
    assert [round((end - start) / STEP) + 1 for start, end in spans] == [10_000, 10_000, 5_000]


async def test_the_times_asked_for_are_multiples_of_the_step() -> None:
    with web_server(echoing) as (url, asked):
        await a_source(url).read(start=START + 3, end=START + 23, step_seconds=STEP)
        assert float(asked[0].form["start"]) % STEP == 0


async def test_a_long_query_travels_in_the_body() -> None:
    query = "x" * 50_000
    with web_server(echoing) as (url, asked):
        await a_source(url, query=query).read(start=START, end=START + 10, step_seconds=STEP)
        assert (asked[0].command, asked[0].form["query"]) == ("POST", query)


async def test_a_proxy_that_refuses_post_is_asked_by_get() -> None:
    def get_only(handler: Handler) -> None:
        if handler.command == "POST":
            handler.reply("no", status=405)
        else:
            echoing(handler)

    with web_server(get_only) as (url, _):
        reading = await a_source(url).read(start=START, end=START + 20, step_seconds=STEP)
    assert_array_equal(reading.series.values, [1, 2])


async def test_the_token_is_read_anew_for_each_request(tmp_path: Path) -> None:
    token = tmp_path / "token"
    with web_server(echoing) as (url, asked):
        source = a_source(url, bearer_token_file=token, headers=(("X-Scope-OrgID", "ml"),))
        for later, text in enumerate(("first\n", "second\n")):
            token.write_text(text, encoding="utf-8")
            start = START + later * STEP
            await source.read(start=start, end=start + STEP, step_seconds=STEP)
        sent = [one.headers["Authorization"] for one in asked]
        assert sent == ["Bearer first", "Bearer second"]
        assert asked[0].headers["X-Scope-OrgID"] == "ml"


def error(kind: str, text: str) -> str:
    return json.dumps({"status": "error", "errorType": kind, "error": text})


BAD_ANSWERS = {
    "bad query": (
        replying(error("bad_data", "1:3: parse error:\nunclosed parenthesis"), status=400),
        "HTTP 400: bad_data: 1:3: parse error: unclosed parenthesis",
    ),
    "overloaded": (
        replying(error("timeout", "query timed out in expression evaluation"), status=503),
        "HTTP 503: timeout: query timed out in expression evaluation",
    ),
    "server error in words": (
        replying("upstream gone\n", status=502),
        "HTTP 502: upstream gone",
    ),
    "server error without words": (
        replying("", status=500),
        "HTTP 500: no reason given",
    ),
    "error page": (
        replying("<html><body>Bad Gateway</body></html>", status=502),
        "HTTP 502: answered a web page, not JSON; is this the address of Prometheus?",
    ),
    "not found": (replying("404 page not found\n", status=404), "HTTP 404: 404 page not found"),
    "login page": (
        replying("<!DOCTYPE html><title>Sign in</title>"),
        "answered a web page, not JSON; is this the address of Prometheus?",
    ),
    "redirect": (
        replying("", status=302, headers={"Location": "https://login.example/"}),
        "HTTP 302: redirected elsewhere; give the final address instead",
    ),
    "cut JSON": (
        replying(matrix([[START + 10, "1"]])[:-9]),
        "answered JSON that is cut short or malformed",
    ),
    "not an object": (replying("[1]"), "answered JSON that is not an object"),
    "an error called 200": (
        replying(error("execution", "many-to-many matching")),
        "HTTP 200: execution: many-to-many matching",
    ),
    "a vector": (
        replying('{"status":"success","data":{"resultType":"vector","result":[]}}'),
        "answered a vector, not a matrix",
    ),
    "no data": (replying('{"status":"success"}'), "answered a result of no type, not a matrix"),
    "no list": (
        replying('{"status":"success","data":{"resultType":"matrix","result":{}}}'),
        "answered a matrix without a list of series",
    ),
    "histograms": (
        replying(
            '{"status":"success","data":{"resultType":"matrix","result":[{"histograms":[]}]}}'
        ),
        "answered a series without float values (a histogram?)",
    ),
    "a time not asked for": (
        replying(matrix([[START + 13, "1"]])),
        "answered a sample at 1000013.000, which was not asked for",
    ),
    "a time outside": (
        replying(matrix([[START + 40, "1"]])),
        "answered a sample at 1000040.000, which was not asked for",
    ),
    "a time beyond all numbers": (
        replying(matrix([[10**400, "1"]])),
        f"answered a sample that can't be read: [1{'0' * 197}…",
    ),
    "a number where text belongs": (
        replying(matrix([[START + 10, 1]])),
        "answered a sample that can't be read: [1000010.0, 1]",
    ),
    "no number": (
        replying(matrix([[START + 10, "many"]])),
        "answered a sample that can't be read: [1000010.0, 'many']",
    ),
    "a short body": (
        replying("{}", headers={"Content-Length": "100"}),
        "the answer broke off",
    ),
    "a hang-up": (lambda handler: None, "the connection broke off"),
}


NEVER_DEMAND = {
    "several series": (
        matrix([[START + 20, "1"]], [[START + 20, "2"]], []),
        "the query returns 2 series, one is needed; put sum() around it (at 1000020.000)",
    ),
    "negative demand": (
        matrix([[START + 20, "-3"]]),
        "answered a demand of -3 at 1000020.000; demand can't be negative",
    ),
    "demand beyond belief": (
        matrix([[START + 20, "1e300"]]),
        "answered a demand of 1e+300 at 1000020.000; more than 1e+12 per second is not believed",
    ),
}


@pytest.mark.parametrize("name", NEVER_DEMAND)
async def test_a_query_that_never_returns_demand_is_refused_in_the_same_words(name: str) -> None:
    body, problem = NEVER_DEMAND[name]
    with pytest.raises(SourceUnavailableError) as refusal:
        await at_present(replying(body))
    assert str(refusal.value) == problem
    # Of long ago, it may be over: missing, and history is read on.
    reading = await read(replying(body))
    assert np.isnan(reading.series.values).all()
    assert reading.warnings == (f"{problem}; such steps count as missing",)


@pytest.mark.parametrize("name", BAD_ANSWERS)
async def test_a_bad_answer_is_one_clear_line(name: str) -> None:
    answer, problem = BAD_ANSWERS[name]
    with pytest.raises(SourceUnavailableError) as refusal:
        await read(answer)
    assert str(refusal.value) == problem


async def test_a_refused_connection_is_said_at_once() -> None:
    source = a_source(f"http://127.0.0.1:{free_port()}")
    with pytest.raises(SourceUnavailableError, match=r"^connection refused$"):
        await source.read(start=START, end=START + 10, step_seconds=STEP)


async def test_an_unknown_host_is_said() -> None:
    source = a_source("http://prometheus.invalid:9090")
    with pytest.raises(SourceUnavailableError, match=r"^its host name is not known$"):
        await source.read(start=START, end=START + 10, step_seconds=STEP)


async def test_a_missing_token_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailableError, match=r"the token file .*/token can't be read"):
        await read(echoing, bearer_token_file=tmp_path / "token")


async def test_a_server_without_tls_is_not_trusted() -> None:
    with web_server(echoing) as (url, _):
        source = a_source(url.replace("http:", "https:"))
        with pytest.raises(SourceUnavailableError, match=r"^TLS failed: "):
            await source.read(start=START, end=START + 10, step_seconds=STEP)


async def test_a_silent_server_is_given_up() -> None:
    released = threading.Event()
    try:
        with pytest.raises(SourceUnavailableError, match=r"^timed out$"):
            await read(holding(released), read_timeout_seconds=0.1)
    finally:
        released.set()


async def test_a_server_that_drips_is_given_up_and_not_asked_twice_at_once() -> None:
    released = threading.Event()

    def drip(handler: Handler) -> None:
        handler.send_response(200)
        handler.end_headers()
        while not released.wait(0.02):
            handler.wfile.write(b" ")

    with web_server(drip) as (url, asked):
        source = a_source(url, deadline_seconds=0.3, read_timeout_seconds=5.0)
        try:
            with pytest.raises(SourceUnavailableError, match=r"no answer within 0\.3 s|too slowly"):
                await source.read(start=START, end=START + 10, step_seconds=STEP)
        finally:
            released.set()
        assert len(asked) == 1


async def test_while_an_answer_given_up_is_under_way_no_other_is_asked_for() -> None:
    released = threading.Event()
    with web_server(holding(released)) as (url, asked):
        source = a_source(url, deadline_seconds=0.1, read_timeout_seconds=10.0)
        try:
            for problem in ("no answer within", "the answer before this one is still under way"):
                with pytest.raises(SourceUnavailableError, match=problem):
                    await source.read(start=START, end=START + 10, step_seconds=STEP)
        finally:
            released.set()
        assert len(asked) == 1


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"url": "prometheus:9090"}, "is not an http:// or https:// address"),
        ({"url": "http://me:secret@prometheus"}, "no user name or password allowed"),
        ({"url": "http://prometheus", "deadline_seconds": 0}, "deadlineSeconds: 0 is not above 0"),
        ({"url": "http://prometheus", "key_file": Path("key")}, "must be given together"),
    ],
)
def test_settings_that_can_not_work_are_refused(settings: dict[str, object], problem: str) -> None:
    with pytest.raises(ValueError, match=problem) as refusal:
        PrometheusSettings(**settings)  # type: ignore[arg-type]
    assert "secret" not in str(refusal.value)
