"""A trace out of a Prometheus that has not recorded for as long as was asked."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from headstart.errors import RunFailedError
from headstart.recorded_demand import DAY_SECONDS, recorded_trace
from tests.integration.predictor.loopback import Handler, web_server
from tests.integration.predictor.prometheus_answers import START, STEP, matrix


def test_a_trace_begins_with_what_was_recorded_first() -> None:
    end = START + DAY_SECONDS
    first = end - 50 * STEP

    def young(handler: Handler) -> None:
        """Answer with 7 a second, since 500 s before the end, one step of which is missing."""
        begin, last = (float(handler.form[name]) for name in ("start", "end"))
        times = np.arange(begin, last + STEP / 2, STEP).tolist()
        known = [[at, "7"] for at in times if at >= first and at != first + 5 * STEP]
        handler.reply(matrix(known) if known else matrix())

    with web_server(young) as (url, _):
        trace = recorded_trace(url, "x", days=1.0, now=end)
    assert trace.requests[0] == 7 * STEP
    assert trace.origin_epoch_seconds == first - STEP
    assert len(trace.requests) * STEP == end - trace.origin_epoch_seconds
    assert_array_equal(np.flatnonzero(np.isnan(trace.requests)), [5])


def test_without_any_value_that_is_said() -> None:
    with (
        web_server(lambda handler: handler.reply(matrix())) as (url, _),
        pytest.raises(RunFailedError, match="--query: x has no value of the last 1 days"),
    ):
        recorded_trace(url, "x", days=1.0, now=START + DAY_SECONDS)


def test_a_partial_answer_makes_no_trace() -> None:
    body = matrix([[START + STEP, "7"]], warnings=["store b: unavailable"])
    with (
        web_server(lambda handler: handler.reply(body)) as (url, _),
        pytest.raises(RunFailedError, match=r"--prometheus: a partial answer.*store b: unavail"),
    ):
        recorded_trace(url, "x", days=1e-3, now=START + 80)
