"""The product's scorer and the second opinion agree."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headstart.scoring import score
from headstart.trial import Capacity, Trial
from tests.replay.independent import Row, gpu_seconds, judge, read_replicas

#: What the two may differ by: the second opinion's steps are 0.1 s long.
SHARE_TOLERANCE = 0.002
GPU_TOLERANCE = 0.005


def random_rows(generator: np.random.Generator, count: int, end: float) -> list[Row]:
    """Make replicas that start, become ready and go at odd moments; some never do."""
    rows = []
    for _ in range(count):
        started = round(float(generator.uniform(-20, end)), 1)
        ready = round(started + float(generator.exponential(10)), 1)
        released = round(ready + float(generator.exponential(end / 2)), 1)
        fate = generator.integers(4)
        if fate == 0:
            rows.append(Row(started, None, released))
        else:
            rows.append(Row(started, ready, None if fate == 1 else released))
    return rows


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), replicas=st.integers(0, 8))
def test_both_scorers_agree_on_any_replicas_and_demand(seed: int, replicas: int) -> None:
    generator = np.random.default_rng(seed)
    requests = generator.poisson(generator.choice([0, 5, 20, 60], 30)).astype(float)
    requests[generator.random(30) < 0.1] = np.nan
    rows = random_rows(generator, replicas, 150.0)

    mine = score(
        Trial(
            demand_per_second=requests / 5,
            bin_seconds=5,
            start=10,
            end=150,
            capacity_per_replica=1.7,
        ),
        Capacity.from_records(rows),
    )
    # Small steps: a queue that stays just at the limit is judged by the step's length.
    other = judge(rows, list(requests), 5, (10, 150), 1.7, step_seconds=0.01)

    assert mine.demand == pytest.approx(other.demand)
    assert mine.attained_share == pytest.approx(other.attained_share, abs=SHARE_TOLERANCE)
    assert mine.gpu_seconds == pytest.approx(other.gpu_seconds, rel=GPU_TOLERANCE, abs=1e-6)


def test_the_second_opinion_counts_a_burst_by_hand() -> None:
    # 4 a second against 2 a second for 10 s: those after the first 2 s / (4/2 - 1) = 2 s are late,
    # and the queue of 20 is gone 10 s later.
    rows = [Row(0.0, 0.0, None)]

    opinion = judge(rows, [40, 0, 0], 10, (0, 30), 2.0)

    assert opinion.attained_share == pytest.approx(0.2, abs=0.01)
    assert opinion.gpu_seconds == 30


def test_the_second_opinion_reads_what_never_came_as_empty(tmp_path: Path) -> None:
    path = tmp_path / "replicas.csv"
    path.write_text(
        "replica,node,kind,decided_at,started_at,ready_at,released_at,outcome\n"
        "a,n1,initial,0,0,0,,serving\n"
        "b,n2,restore,5,6,,16,hung\n"
    )

    rows = read_replicas(path)

    assert rows == [Row(0, 0, None), Row(6, None, 16)]
    assert gpu_seconds(rows, 0, 100) == 110
