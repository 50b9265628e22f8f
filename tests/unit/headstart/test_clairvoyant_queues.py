"""Levels of queues: fine where the objective is decided, and never without lateness in view."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.clairvoyant_queues import interpolate, level_table, queue_levels, queue_units


@pytest.mark.parametrize("most_in_time", [1.0, 40.0, 41.0, 5000.0])
def test_levels_reach_beyond_what_is_served_in_time(most_in_time: float) -> None:
    levels = queue_levels(most_in_time)

    assert levels[-1] >= most_in_time
    assert (np.diff(levels) > 0).all()
    assert len(levels) <= 17 + max(0, np.ceil(np.log2(most_in_time / 40)))


def test_units_grow_with_the_wait_and_the_mean_but_are_never_nothing() -> None:
    mean = np.array([0.0, 10.0])
    assert queue_units(mean, 2.0).tolist() == [0.5, 10.0]
    assert queue_units(mean, 60.0).tolist() == [0.5, 300.0]
    assert queue_units(mean, 0.5).tolist() == [0.5, 10.0]


@pytest.mark.parametrize("most_in_time", [1.0, 5000.0])
def test_values_between_levels_are_on_a_line(most_in_time: float) -> None:
    levels = queue_levels(most_in_time)
    known = np.sqrt(levels)
    at = np.concatenate([levels, np.geomspace(0.01, levels[-1], 300)]).astype(np.float32)

    found = interpolate(known[None, :, None], at[None, :, None], levels, level_table(levels))

    assert found.ravel() == pytest.approx(np.interp(at, levels, known), rel=1e-5, abs=1e-6)


def test_values_beyond_the_last_level_go_on_in_a_line() -> None:
    levels = queue_levels(1.0)
    at = np.array([[[levels[-1] * 1000]]], dtype=np.float32)

    found = interpolate((3 * levels)[None, :, None], at, levels, level_table(levels))

    assert found.item() == pytest.approx(3 * at.item())
