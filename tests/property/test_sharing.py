"""The law of sharing: what nobody can be given changes nothing of what anybody is given."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from controller.sharing import Claim, expected_missed, share
from models.forecast import FloatArray, WorkloadName

QUANTILES = st.lists(st.floats(0.0, 50.0), min_size=5, max_size=5).map(sorted).map(np.asarray)


@st.composite
def claims_and_gpus(draw: st.DrawFn) -> tuple[list[Claim], list[Claim], int]:
    """Return claims of a pool as they are asked, and as they are within the pool; and its GPUs."""
    gpus = draw(st.integers(0, 12))
    asked, within = [], []
    for number in range(draw(st.integers(1, 4))):
        wanted, each = draw(st.integers(0, 40)), draw(st.integers(1, 3))
        quantiles, capacity = draw(QUANTILES), draw(st.floats(0.1, 5.0))
        most = min(wanted, gpus // each)
        claim = Claim(
            workload=WorkloadName(f"w{number}"),
            wanted=wanted,
            running=draw(st.integers(0, 12)),
            guaranteed=draw(st.integers(0, 4)),
            missed=expected_missed(quantiles, capacity, wanted),
            gpus=each,
            priority=draw(st.integers(-2, 30)),
        )
        missed = expected_missed(quantiles, capacity, wanted, most=most)
        asked.append(claim)
        within.append(replace(claim, wanted=most, missed=missed))
    return asked, within, gpus


@given(claims_and_gpus())
def test_claims_beyond_the_pool_get_what_claims_of_all_of_it_do(
    found: tuple[list[Claim], list[Claim], int],
) -> None:
    asked, within, gpus = found
    granted = share(within, gpus)
    assert granted == share(asked, gpus)
    assert sum(granted[one.workload] * one.gpus for one in within) <= gpus


@given(QUANTILES, st.floats(0.1, 5.0), st.integers(0, 40), st.integers(0, 40))
def test_what_is_reckoned_of_few_replicas_is_what_is_of_all(
    quantiles: FloatArray, capacity: float, wanted: int, most: int
) -> None:
    most = min(most, wanted)
    few = expected_missed(quantiles, capacity, wanted, most=most)
    assert few.shape == (most + 1,)
    assert np.array_equal(few, expected_missed(quantiles, capacity, wanted)[: most + 1])
