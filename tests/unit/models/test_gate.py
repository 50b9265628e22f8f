from __future__ import annotations

import numpy as np
import pytest

from models.gate import AccuracyGate

NAN = float("nan")
#: Steps that are not held against a forecast, and steps that are needed to judge it.
LEARNING, ENOUGH = 300, 200


def after(gate: AccuracyGate, steps: int, loss: float, plain: float = 1.0) -> bool:
    """Return whether one workload is gated after so many steps of these losses."""
    for _ in range(steps):
        gate.learn(np.full((5, 3, 1), loss), np.full((5, 3, 1), plain), np.array([10.0]))
    return bool(gate.is_shut[0])


def a_gate() -> AccuracyGate:
    return AccuracyGate(workloads=1)


def test_a_forecast_that_loses_is_gated_once_there_is_enough_to_judge() -> None:
    gate = a_gate()
    assert not after(gate, LEARNING + ENOUGH - 1, 1.2)
    assert after(gate, 1, 1.2)


@pytest.mark.parametrize("loss", [0.5, 1.0, 1.04])
def test_a_forecast_about_as_good_as_the_plain_one_is_not_gated(loss: float) -> None:
    assert not after(a_gate(), 2000, loss)


def test_what_was_lost_while_it_learned_is_not_held_against_a_forecast() -> None:
    gate = a_gate()
    after(gate, LEARNING, 100.0)
    assert not after(gate, ENOUGH, 0.9)


def test_a_forecast_that_is_good_again_is_used_again() -> None:
    gate = a_gate()
    assert after(gate, 800, 1.5)
    assert not after(gate, 2000, 0.8)


def test_a_forecast_long_good_is_gated_when_it_turns_bad() -> None:
    gate = a_gate()
    assert not after(gate, 5000, 0.5)
    assert after(gate, 1000, 2.0)


def test_losses_that_are_nothing_beside_demand_are_not_told_apart() -> None:
    assert not after(a_gate(), 2000, 0.004, plain=0.001)


def test_a_step_that_was_not_forecast_or_is_missing_counts_for_nothing() -> None:
    gate = a_gate()
    assert not after(gate, 2000, NAN, plain=NAN)
    after(gate, LEARNING + ENOUGH - 1, 1.2)
    assert not after(gate, 500, NAN)
    assert after(gate, 1, 1.2)


def test_horizons_that_are_known_count_without_the_others() -> None:
    gate = a_gate()
    losses, plain = np.full((5, 3, 1), 2.0), np.ones((5, 3, 1))
    losses[0, 1:] = plain[0, 1:] = NAN
    for _ in range(LEARNING + ENOUGH):
        gate.learn(losses, plain, np.array([10.0]))
    assert gate.is_shut[0]


def test_each_workload_is_judged_by_itself() -> None:
    gate = AccuracyGate(workloads=3)
    losses = np.array([0.5, 2.0, NAN]) * np.ones((5, 3, 3))
    for _ in range(LEARNING + ENOUGH):
        gate.learn(losses, np.ones((5, 3, 3)), np.array([10.0, 10.0, NAN]))
    assert gate.is_shut.tolist() == [False, True, False]
