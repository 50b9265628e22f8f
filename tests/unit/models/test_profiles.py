from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from models.forecast import FloatArray
from models.profiles import Profile

NAN = float("nan")
STEP_SECONDS = 60.0
#: One cycle of six slots, each two steps long.
SHAPE = (0.0, 0.5, 1.0, 0.2, -0.7, -1.0)
AHEAD = np.arange(1.0, 13.0)
EVEN = np.zeros(1)


def a_profile(*, workloads: int = 1) -> Profile:
    return Profile(
        workloads=workloads, cycle_seconds=720.0, slot_seconds=120.0, step_seconds=STEP_SECONDS
    )


def shape_at(step: int) -> float:
    return SHAPE[step // 2 % len(SHAPE)]


def feed(profile: Profile, log_ratios: list[float]) -> float:
    """Give a value a step from time 0 on; return when the last step ended."""
    for step, value in enumerate(log_ratios):
        profile.update((step + 1) * STEP_SECONDS, np.array([value]))
    return len(log_ratios) * STEP_SECONDS


def said(profile: Profile, end: float, *, deviation: float) -> FloatArray:
    return np.asarray(profile.log_ratios(end, AHEAD, np.array([deviation]))[0])


def test_a_profile_that_learned_nothing_lets_today_fade_by_half_in_five_minutes() -> None:
    expected = [0.8 * 0.5 ** (ahead * STEP_SECONDS / 300) for ahead in AHEAD]
    assert said(a_profile(), 600.0, deviation=0.8) == pytest.approx(expected)


def test_what_recurs_is_expected_again() -> None:
    profile = a_profile()
    end = feed(profile, [shape_at(step) for step in range(12 * 40)])
    expected = [shape_at(11 + int(ahead)) for ahead in AHEAD]
    assert said(profile, end, deviation=SHAPE[-1]) == pytest.approx(expected, abs=0.01)


def test_a_slot_moves_by_its_share_of_each_visit_and_at_least_a_quarter() -> None:
    profile, visits = a_profile(), [1.0, 3.0, -2.0, 4.0, 0.5]
    end = feed(profile, [value for value in visits for _ in range(12)])
    means = [0.0]
    for number, value in enumerate(visits, start=1):
        means.append(means[-1] + max(0.25, 1 / (1 + number)) * (value - means[-1]))
    # The slot of now is still being visited, so its mean has one visit less; demand lies on it.
    next_slot = said(profile, end, deviation=means[-2])[0]
    assert next_slot == pytest.approx(means[-1])


@given(st.lists(st.just(NAN) | st.floats(-3, 3), max_size=40))
def test_a_missing_step_teaches_nothing(ratios: list[float]) -> None:
    gaps, none = a_profile(), a_profile()
    end = feed(gaps, ratios)
    for step, value in enumerate(ratios):
        if not math.isnan(value):
            none.update((step + 1) * STEP_SECONDS, np.array([value]))
    # The slot under way is folded in by the next visit to another, which both now make.
    for profile in (gaps, none):
        profile.update(end + 7 * STEP_SECONDS, EVEN)
    assert_array_equal(said(gaps, end, deviation=0.3), said(none, end, deviation=0.3))


def test_a_workload_learns_while_another_one_is_missing() -> None:
    both, alone = a_profile(workloads=2), a_profile()
    for step in range(36):
        end = (step + 1) * STEP_SECONDS
        both.update(end, np.array([shape_at(step), NAN]))
        alone.update(end, np.array([shape_at(step)]))
    mine, other = both.log_ratios(36 * STEP_SECONDS, AHEAD, np.zeros(2))
    assert_array_equal(mine, said(alone, 36 * STEP_SECONDS, deviation=0.0))
    assert_array_equal(other, np.zeros(len(AHEAD)))


def test_a_slot_is_never_shorter_than_a_step() -> None:
    profile = Profile(workloads=1, cycle_seconds=600.0, slot_seconds=60.0, step_seconds=300.0)
    for step in range(80):
        profile.update((step + 1) * 300.0, np.array([float(step % 2)]))
    expected = profile.log_ratios(80 * 300.0, np.array([1.0, 2.0]), np.ones(1))[0]
    assert expected == pytest.approx([0.0, 1.0], abs=0.01)
