from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.lead_time import (
    LeadTimeKey,
    LeadTimeMeasurement,
    LeadTimes,
    attempt_deadline,
    estimate,
    learn,
)
from models.lead_time_belief import Moments

keys = st.builds(
    LeadTimeKey,
    snapshot=st.sampled_from(["chat", "search"]),
    node_class=st.sampled_from(["h100", "a100"]),
    concurrency=st.sampled_from([1, 4]),
    size_gib=st.none() | st.floats(min_value=0, max_value=2000),
)
kinds = st.sampled_from([(True, False), (False, False), (False, True)])
attempts = st.tuples(keys, st.floats(min_value=0, max_value=1e6), kinds)
histories = st.lists(attempts, max_size=60)
logs = st.lists(st.floats(min_value=-7, max_value=14), max_size=20)


def learned(history: list[tuple[LeadTimeKey, float, tuple[bool, bool]]]) -> LeadTimes:
    state = LeadTimes()
    for at, (key, seconds, (ready, failed)) in enumerate(history):
        state = learn(
            state,
            LeadTimeMeasurement(key=key, at=float(at), seconds=seconds, ready=ready, failed=failed),
        )
    return state


@given(history=histories, key=keys)
def test_whatever_was_measured_the_estimate_is_finite_and_quantiles_rise(
    history: list[tuple[LeadTimeKey, float, tuple[bool, bool]]], key: LeadTimeKey
) -> None:
    found = estimate(learned(history), key)
    quantiles = [found.quantile(q) for q in (0.05, 0.5, 0.9, 0.95)]
    assert quantiles == sorted(quantiles)
    assert all(math.isfinite(seconds) and seconds > 0 for seconds in quantiles)
    assert 0 < found.never_share < 1
    assert found.median_seconds == pytest.approx(found.quantile(0.5))


@given(
    history=histories,
    key=keys,
    timeout=st.floats(min_value=1, max_value=1e5),
    timeouts=st.integers(min_value=0, max_value=10**6),
)
def test_a_deadline_never_passes_the_timeout_nor_falls_with_timeouts(
    history: list[tuple[LeadTimeKey, float, tuple[bool, bool]]],
    key: LeadTimeKey,
    timeout: float,
    timeouts: int,
) -> None:
    found = estimate(learned(history), key)
    deadline = attempt_deadline(found, timeout, timeouts)
    assert 0 < deadline <= timeout
    assert deadline <= attempt_deadline(found, timeout, timeouts + 1)


@given(history=histories, key=keys)
def test_the_same_measurements_teach_the_same(
    history: list[tuple[LeadTimeKey, float, tuple[bool, bool]]], key: LeadTimeKey
) -> None:
    assert estimate(learned(history), key) == estimate(learned(history), key)


@given(left=logs, right=logs)
def test_moments_joined_are_those_of_both_and_can_be_taken_apart(
    left: list[float], right: list[float]
) -> None:
    both = Moments.of(left).joined(Moments.of(right))
    whole = Moments.of([*left, *right])
    assert both.count == whole.count
    assert both.mean == pytest.approx(whole.mean, abs=1e-9)
    assert both.squares == pytest.approx(whole.squares, abs=1e-9)
    rest = both.without(Moments.of(right))
    assert rest.count == len(left)
    assert rest.mean == pytest.approx(Moments.of(left).mean, abs=1e-6)
    assert rest.squares == pytest.approx(Moments.of(left).squares, abs=1e-6)
