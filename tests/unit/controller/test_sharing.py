"""A pool that is too small goes where it avoids the most missed demand, promises kept."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from controller.sharing import STARTED_SHARE, Claim, expected_missed, share
from models.forecast import FloatArray, WorkloadName


def a_claim(name: str, missed: list[float], **given: int) -> Claim:
    fields = {"running": 0, "guaranteed": 0} | given
    return Claim(
        workload=WorkloadName(name), wanted=len(missed) - 1, missed=np.asarray(missed), **fields
    )


def avoided(claim: Claim, replicas: int) -> float:
    """What the module states as its objective, for one workload, reckoned replica by replica."""
    total = 0.0
    for number in range(1, replicas + 1):
        step = float(claim.missed[number - 1] - claim.missed[number])
        total += step if number <= claim.running else STARTED_SHARE * step
    return 2.0**claim.priority * total


def best_by_enumeration(claims: list[Claim], gpus: int) -> float:
    ways = product(*(range(min(c.guaranteed, c.wanted), c.wanted + 1) for c in claims))
    fitting = (
        way for way in ways if sum(n * c.gpus for n, c in zip(way, claims, strict=True)) <= gpus
    )
    return max(sum(avoided(c, n) for n, c in zip(way, claims, strict=True)) for way in fitting)


def random_claims(generator: np.random.Generator) -> tuple[list[Claim], int]:
    gpus = int(generator.integers(2, 9))
    claims, promised = [], 0
    for number in range(int(generator.integers(1, 5))):
        wanted = int(generator.integers(1, 9))
        each = int(generator.integers(1, 3))
        guaranteed = int(generator.integers(0, 2)) if promised + each <= gpus else 0
        promised += guaranteed * each
        quantiles = np.sort(generator.lognormal(1.0, 1.0, size=5))
        claims.append(
            Claim(
                workload=WorkloadName(f"w{number}"),
                wanted=wanted,
                running=int(generator.integers(0, 5)),
                guaranteed=guaranteed,
                missed=expected_missed(quantiles, float(generator.uniform(0.5, 3.0)), wanted),
                gpus=each,
                priority=int(generator.integers(-1, 3)),
            )
        )
    return claims, gpus


def test_random_small_pools_are_shared_as_the_best_of_all_ways() -> None:
    generator = np.random.default_rng(11)
    for _ in range(300):
        claims, gpus = random_claims(generator)
        granted = share(claims, gpus)
        assert sum(granted[c.workload] * c.gpus for c in claims) <= gpus
        got = sum(avoided(c, granted[c.workload]) for c in claims)
        assert got == pytest.approx(best_by_enumeration(claims, gpus), abs=1e-9)


def test_a_pool_that_suffices_gives_what_is_wanted() -> None:
    claims = [a_claim("a", [9, 5, 1]), a_claim("b", [9, 0], gpus=2)]
    assert share(claims, 4) == {"a": 2, "b": 1}


def test_gpus_go_where_they_avoid_the_most() -> None:
    claims = [a_claim("a", [9, 8, 0]), a_claim("b", [9, 3, 2])]
    # Alone, b's first is worth the most; together, both of a's are.
    assert share(claims, 1) == {"a": 0, "b": 1}
    assert share(claims, 2) == {"a": 2, "b": 0}


def test_a_step_of_priority_doubles_what_a_workload_is_worth() -> None:
    low = a_claim("low", [10, 0])
    assert share([low, a_claim("high", [4, 0], priority=1)], 1) == {"low": 1, "high": 0}
    assert share([low, a_claim("high", [6, 0], priority=1)], 1) == {"low": 0, "high": 1}


@pytest.mark.parametrize("steps", [50, 100, 5000])
def test_however_high_a_priority_is_the_others_get_what_it_leaves(steps: int) -> None:
    high = a_claim("high", [9, 7, 5, 3, 1, 0], priority=steps)
    low = a_claim("low", [9, 8, 7, 6, 5, 4, 3, 2, 1, 0.5, 0])
    for claims in ([high, low], [low, high]):
        assert share(claims, 12) == {"high": 5, "low": 7}
        assert share(claims, 3) == {"high": 3, "low": 0}


def test_priorities_far_below_zero_are_only_compared() -> None:
    claims = [a_claim("a", [9, 5, 0], priority=-50), a_claim("b", [9, 1], priority=-50)]
    assert share(claims, 2) == {"a": 1, "b": 1}


def test_what_runs_is_given_up_only_for_clearly_more() -> None:
    running = a_claim("running", [10, 0], running=1)
    assert share([running, a_claim("new", [18, 0])], 1) == {"running": 1, "new": 0}
    assert share([running, a_claim("new", [22, 0])], 1) == {"running": 0, "new": 1}


def test_the_guaranteed_are_served_before_any_worth() -> None:
    claims = [a_claim("poor", [1, 0, 0], guaranteed=1), a_claim("rich", [99, 50, 0])]
    assert share(claims, 2) == {"poor": 1, "rich": 1}


def test_guarantees_that_do_not_fit_are_kept_by_priority_then_in_turn() -> None:
    claims = [
        a_claim("a", [9, 8, 7, 6], guaranteed=3),
        a_claim("b", [9, 8, 7, 6], guaranteed=3),
        a_claim("first", [1, 0], guaranteed=1, priority=2),
        a_claim("large", [9, 0], guaranteed=1, gpus=8),
    ]
    assert share(claims, 4) == {"a": 2, "b": 1, "first": 1, "large": 0}


def demand_quantiles() -> FloatArray:
    return np.asarray([10.0, 12.0, 13.0, 15.0, 20.0])


def test_without_replicas_all_demand_misses_and_with_enough_none() -> None:
    missed = expected_missed(demand_quantiles(), 5.0, 4)
    assert missed[0] == pytest.approx(1.1 * 10.0, rel=0.1)
    assert missed[4] == 0.0
    assert (np.diff(missed) <= 0).all()


def test_an_overload_makes_all_of_the_demand_miss() -> None:
    # With three for 15/s, one outcome in twenty is beyond it: some 17/s, all of it late.
    missed = expected_missed(demand_quantiles(), 5.0, 3)
    assert missed[3] == pytest.approx(0.05 * (17.5 + 0.1 * 2.5), rel=0.1)


def test_a_replica_that_ends_no_overload_is_still_worth_something() -> None:
    missed = expected_missed(np.full(5, 30.0), 5.0, 4)
    assert (np.diff(missed) < 0).all()
