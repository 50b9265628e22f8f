"""The verdict is exact where the answer is known by hand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headstart.scoring import late_share_per_bin, score
from headstart.trial import Capacity, Steps, Trial


@dataclass(frozen=True)
class Life:
    """When one replica was paid and served."""

    started_at: float | None
    ready_at: float | None
    released_at: float | None = None


def a_trial(*rates: float, bin_seconds: float = 10, **changes: float) -> Trial:
    """Demand per second by bin; a replica serves 2 a second."""
    span = {"start": 0.0, "end": bin_seconds * len(rates)} | changes
    return Trial(
        demand_per_second=np.array(rates, dtype=np.float64),
        bin_seconds=bin_seconds,
        start=span["start"],
        end=span["end"],
        capacity_per_replica=2.0,
        origin=changes.get("origin", 0.0),
    )


def always(count: int) -> Capacity:
    return Capacity.from_counts(np.array([-100.0]), np.array([float(count)]))


def of(*lives: Life) -> Capacity:
    return Capacity.from_records(lives)


def test_enough_replicas_attain_everything() -> None:
    assert score(a_trial(4, 4), always(2)).attained_share == 1


def test_without_replicas_everything_is_missed() -> None:
    verdict = score(a_trial(4, 4), always(0))

    assert (verdict.attained_share, verdict.missed, verdict.gpu_seconds) == (0, 80, 0)


def test_without_demand_nothing_is_missed() -> None:
    assert score(a_trial(0, np.nan), always(0)).attained_share == 1


def test_an_overload_is_late_once_the_queue_is_longer_than_the_wait() -> None:
    # 4 a second against 2: after 2 s four wait, which take the 2 s that are allowed.
    verdict = score(a_trial(4, 0, 0), always(1))

    assert verdict.attained_share == pytest.approx(0.2)
    assert verdict.violation_seconds == pytest.approx(8)


def test_a_queue_that_runs_empty_inside_a_bin_forgives_what_follows() -> None:
    # The queue of 10 is gone 5 s into the second bin... and demand of the third finds none.
    verdict = score(a_trial(3, 0, 2), always(1))

    # Late from 4 s on (three a second, queue of 4 at 4 s), to the end of the first bin.
    assert verdict.missed == pytest.approx(18)


def test_demand_just_before_a_replica_is_ready_is_in_time() -> None:
    # One a second waits from 0; at t the queue is t, and 2·(t + 2 - 5) are served in time.
    verdict = score(a_trial(1), of(Life(0, 5)))

    assert verdict.missed == pytest.approx(6)


def test_a_released_replica_serves_no_longer() -> None:
    assert score(a_trial(1), of(Life(0, 0, 5))).attained_share == pytest.approx(0.5)


def test_replicas_serve_on_after_the_end_as_they_did_last() -> None:
    # The last ones need until 12 s.
    assert score(a_trial(2.4), always(1)).attained_share == 1


def test_a_gpu_is_paid_from_its_start_within_the_scored_part_whatever_comes_of_it() -> None:
    lives = [Life(-50, 0, 5), Life(2, None, 6), Life(8, 11), Life(None, None), Life(3, 9, 7)]

    verdict = score(a_trial(1), of(*lives))

    assert verdict.gpu_seconds == 5 + 4 + 2 + 4
    assert verdict.mean_gpus == 1.5


def test_a_replica_released_before_it_was_ready_never_serves() -> None:
    capacity = of(Life(0, 8, 4), Life(0, 2))

    assert list(capacity.ready.at(np.array([1.0, 3.0, 5.0, 9.0]))) == [0, 1, 1, 1]


def test_idle_gpu_seconds_are_those_that_served_nobody() -> None:
    assert score(a_trial(1), always(1)).idle_gpu_seconds == pytest.approx(5)


def test_every_gpu_of_a_replica_is_paid() -> None:
    trial = Trial(
        demand_per_second=np.ones(1),
        bin_seconds=10,
        start=0,
        end=10,
        capacity_per_replica=2,
        gpus_per_replica=4,
    )

    assert score(trial, always(2)).gpu_seconds == 80


def test_missing_bins_carry_no_demand() -> None:
    assert score(a_trial(1, np.nan, 1), always(1)).demand == 20


def test_only_the_scored_part_counts() -> None:
    verdict = score(a_trial(9, 1, 9, start=10.0, end=20.0), always(1))

    assert (verdict.demand, verdict.attained_share) == (10, 1)


def test_a_part_that_begins_inside_a_bin_takes_the_rest_of_it() -> None:
    assert score(a_trial(1, 2, start=4.0, end=13.0), always(1)).demand == pytest.approx(12)


def test_demand_counts_from_the_origin() -> None:
    assert score(a_trial(1, 3, origin=100.0, start=110.0, end=120.0), always(9)).demand == 30


def test_late_share_is_told_by_bin() -> None:
    shares = late_share_per_bin(a_trial(4, 0, 0, 1), always(1), bin_seconds=10)

    assert shares == pytest.approx([0.8, np.nan, np.nan, 0], nan_ok=True)


def test_late_shares_of_a_last_bin_cut_short_are_told_too() -> None:
    assert len(late_share_per_bin(a_trial(1), always(1), bin_seconds=4)) == 3


@given(
    rates=st.lists(st.floats(0, 20), min_size=1, max_size=12),
    counts=st.lists(st.integers(0, 8), min_size=1, max_size=12),
    more=st.integers(1, 3),
)
def test_more_replicas_never_attain_less(rates: list[float], counts: list[int], more: int) -> None:
    trial = a_trial(*rates)
    times = np.arange(0, 7.0 * len(counts), 7.0)
    fewer = score(trial, Capacity.from_counts(times, np.array(counts, dtype=np.float64)))

    verdict = score(trial, Capacity.from_counts(times, np.array(counts, dtype=np.float64) + more))

    assert verdict.attained_share >= fewer.attained_share - 1e-9
    assert 0 <= fewer.missed <= fewer.demand + 1e-9


@given(rates=st.lists(st.floats(0, 20), min_size=2, max_size=12), count=st.integers(0, 8))
def test_minutes_add_up_to_the_whole(rates: list[float], count: int) -> None:
    trial = a_trial(*rates)

    shares = late_share_per_bin(trial, always(count), bin_seconds=10)

    missed = np.nansum(shares * np.array(rates) * 10)
    assert missed == pytest.approx(score(trial, always(count)).missed, abs=1e-6)


def test_steps_count_changes_at_one_instant_together() -> None:
    steps = Steps.from_changes(np.array([1.0, 1.0, 3.0]), np.array([3.0]))

    assert (list(steps.times), list(steps.counts)) == ([1, 3], [2, 2])


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("bin_seconds", {"bin_seconds": 0.0}),
        ("capacity_per_replica", {"capacity_per_replica": 0.0}),
        ("end", {"end": 0.0}),
    ],
)
def test_an_impossible_trial_is_refused(field: str, changes: dict[str, float]) -> None:
    fields = {"bin_seconds": 10.0, "start": 0.0, "end": 10.0, "capacity_per_replica": 1.0}

    with pytest.raises(ValueError, match=f"^{field}: "):
        Trial(demand_per_second=np.ones(1), **(fields | changes))  # type: ignore[arg-type]
