from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_array_equal

from models.blend import Blend, pinball
from models.forecast import FloatArray

NAN = float("nan")
losses = arrays(np.float64, (6, 3), elements=st.just(NAN) | st.floats(0, 1e9))


def a_blend(*, experts: int) -> Blend:
    """Return a blend of one workload, one horizon and one quantile."""
    return Blend((1, 1, experts, 1), reference=0)


def learn(blend: Blend, *each: float) -> None:
    blend.learn(np.array(each)[None, None, :, None])


def weights(blend: Blend, *awake: bool) -> FloatArray:
    return blend.weights(np.array(awake)[None, None, :, None])[0, 0, :, 0]


@pytest.mark.parametrize(("actual", "expected"), [(12.0, 1.8), (8.0, 0.2), (10.0, 0.0)])
def test_pinball_weighs_too_little_nine_times_as_much_at_the_ninth_decile(
    actual: float, expected: float
) -> None:
    assert pinball(np.array(actual - 10.0), np.array(0.9)) == pytest.approx(expected)


def shares(*ratios: float) -> list[float]:
    """Return the weights of experts whose losses are so many times the plain mean's."""
    raw = [math.exp(-20 * ratio / min(ratios)) for ratio in ratios]
    return [each / sum(raw) for each in raw]


def test_experts_begin_as_losing_a_fifth_more_than_the_plain_mean() -> None:
    assert weights(a_blend(experts=3), True, True, True) == pytest.approx(shares(1.0, 1.2, 1.2))


def test_weights_fall_exponentially_with_the_mean_loss() -> None:
    blend = a_blend(experts=3)
    for _ in range(450):
        learn(blend, 1.0, 1.2, 1.1)
        learn(blend, 1.0, 1.4, 1.1)
    # A hundred steps of nine hundred more are supposed.
    expected = shares(1.0, 0.9 * 1.3 + 0.12, 0.9 * 1.1 + 0.12)
    assert weights(blend, True, True, True) == pytest.approx(expected)


def test_old_losses_are_forgotten() -> None:
    blend = a_blend(experts=2)
    for _ in range(2000):
        learn(blend, 0.1, 1.0)
    for _ in range(12_000):
        learn(blend, 1.0, 0.1)
    first, second = weights(blend, True, True)
    assert second > first


def test_an_expert_that_sleeps_has_no_say_and_learns_nothing() -> None:
    blend = a_blend(experts=2)
    learn(blend, 1.0, 0.1)
    before = weights(blend, True, True)
    for _ in range(50):
        learn(blend, NAN, NAN)
    assert_array_equal(weights(blend, True, True), before)
    assert weights(blend, True, False) == pytest.approx([1.0, 0.0])


def test_a_newcomer_joins_as_losing_a_fifth_more_than_the_plain_mean() -> None:
    blend = a_blend(experts=3)
    for _ in range(200):
        learn(blend, 1.0, 1.0, NAN)
    first, _, newcomer = weights(blend, True, True, True)
    assert newcomer == pytest.approx(first * math.exp(-20 * 0.2))


def test_nobody_awake_is_no_weight_at_all() -> None:
    assert_array_equal(weights(a_blend(experts=2), False, False), [0.0, 0.0])


def test_an_expert_that_woke_late_is_not_judged_by_what_the_others_lost_before() -> None:
    blend = a_blend(experts=2)
    for _ in range(500):
        learn(blend, 1.0, NAN)
    for _ in range(500):
        learn(blend, 9.0, 9.9)
    first, second = weights(blend, True, True)
    assert second == pytest.approx(first * math.exp(-20 * (500 * 0.1 + 20) / 600))


@given(losses, st.lists(st.booleans(), min_size=3, max_size=3).filter(any))
def test_weights_of_those_awake_sum_to_one(history: FloatArray, awake: list[bool]) -> None:
    blend = a_blend(experts=3)
    for step in history:
        learn(blend, *step)
    found = weights(blend, *awake)
    assert found.sum() == pytest.approx(1.0)
    assert (found >= 0).all()
    assert not found[~np.array(awake)].any()
