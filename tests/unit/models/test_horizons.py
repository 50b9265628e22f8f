from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.horizons import grid_of, grid_reaching

ascending = st.lists(st.integers(1, 40), min_size=1, max_size=6, unique=True).map(sorted)


def interpolated(steps: list[int], values: list[float], ahead: int) -> float:
    """Join the dots by hand; flat before the first."""
    if ahead <= steps[0]:
        return values[0]
    right = next(place for place, step in enumerate(steps) if step >= ahead)
    left = right - 1
    share = (ahead - steps[left]) / (steps[right] - steps[left])
    return values[left] + share * (values[right] - values[left])


@given(ascending, st.integers(0, 2**32 - 1))
def test_steps_between_lie_on_the_line_between_their_neighbors(steps: list[int], seed: int) -> None:
    values = np.random.default_rng(seed).uniform(0, 100, len(steps))
    grid = grid_of(tuple(steps))
    expected = [interpolated(steps, list(values), ahead) for ahead in range(1, steps[-1] + 1)]
    assert grid.dense @ values == pytest.approx(expected)


def test_every_step_has_its_quantiles_in_order_and_none_below_zero() -> None:
    values = grid_of((1, 3)).every_step(np.array([[-1.0, 2.0, 1.5], [3.0, 4.0, 5.0]]))
    assert values.tolist() == [[0.0, 2.0, 2.0], [1.0, 3.0, 3.25], [3.0, 4.0, 5.0]]


def test_a_grid_knows_its_length_and_its_reach() -> None:
    grid = grid_of((1, 4, 9))
    assert (len(grid), grid.last) == (3, 9)


@pytest.mark.parametrize("steps", [(), (0, 1), (2, 1), (1, 1, 2)])
def test_steps_that_do_not_ascend_from_1_are_refused(steps: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="is not an ascending list of steps"):
        grid_of(steps)


@given(st.floats(0.1, 40_000), st.sampled_from([1.0, 10.0, 60.0, 300.0]))
def test_the_usual_grid_ends_with_the_first_step_that_reaches_far_enough(
    reach_seconds: float, step_seconds: float
) -> None:
    grid = grid_reaching(reach_seconds, step_seconds=step_seconds)
    assert grid.steps[0] == 1
    assert grid.last * step_seconds >= reach_seconds
    assert grid.last == 1 or (grid.last - 1) * step_seconds < reach_seconds
    assert (np.diff(grid.steps) > 0).all()
