"""Predictors that share workloads over a real consumer group; one is killed, the others take over.

Ordinarily 60 workloads, 300 under `make soak`.
"""

from __future__ import annotations

import gc
import itertools
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.integration.sharded_run import (
    ANEW_SECONDS,
    NAMES,
    PARTITIONS,
    TAKEOVER_SECONDS,
    TICK_SECONDS,
    WITNESSED,
    WORKLOADS,
    Run,
    Word,
    forecast_since,
    sharded_run,
    taken_over,
)

# kafka-python leaves the socket of each refused connection behind, unclosed.
pytestmark = [pytest.mark.timeout(900), pytest.mark.filterwarnings("ignore::ResourceWarning")]

#: Of a workload's level, by the medians over the next five minutes: the new predictor has learned
#: from a history that begins later, and 300 steps teach the one a little other than the other.
#: Demand itself swings by a third.
TYPICAL, WORST = 0.1, 0.3
COMPARED_STEPS = 60


@pytest.fixture(scope="module")
def run(jars_of_kafka: Path, folder_of_prometheus: Path) -> Iterator[Run]:
    with sharded_run(jars_of_kafka, folder_of_prometheus) as story:
        yield story
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


def test_the_predictors_share_all_partitions_and_workloads_evenly(run: Run) -> None:
    assigned = [partition for shard in run.shards for partition in shard["assigned"]]
    assert sorted(assigned) == list(range(PARTITIONS))
    assert sorted(name for shard in run.shards for name in shard["workloads"]) == NAMES
    shares = [len(shard["assigned"]) for shard in run.shards]
    assert max(shares) - min(shares) <= 1


def test_each_says_what_is_its_own(run: Run) -> None:
    for shard, text, metrics in zip(run.shards, run.readiness, run.metrics, strict=True):
        mine, workloads = len(shard["assigned"]), len(shard["workloads"])
        assert text == f"ready: {mine} of {PARTITIONS} partitions, {workloads} workloads\n"
        assert metrics["headstart_shard_partitions_assigned"] == mine
        assert metrics["headstart_shard_partitions_publishing"] == mine
        assert metrics["headstart_shard_workloads"] == workloads
        assert metrics["headstart_shard_member"] == 1
        assert metrics["headstart_forecasts_published_total published"] >= workloads


def test_others_go_on_with_what_the_dead_one_had(run: Run) -> None:
    late = {name: at - run.killed_at for name, at in taken_over(run).items()}
    assert late.keys() == run.orphans
    assert max(late.values()) < TAKEOVER_SECONDS
    after = [name for shard in run.shards_after for name in shard["workloads"]]
    assert sorted(after) == NAMES


def test_what_the_dead_one_had_is_forecast_anew(run: Run) -> None:
    first = forecast_since(run, run.killed_at, run.orphans)
    late = {name: at - run.killed_at for name, at in first.items()}
    assert late.keys() == run.orphans
    assert max(late.values()) < ANEW_SECONDS


def test_no_workload_is_published_by_two_at_once(run: Run) -> None:
    for words in by_workload(run).values():
        newest = words[0].fence
        taken_at = words[0].at
        for word in words:
            if word.fence > newest:
                newest, taken_at = word.fence, word.at
            assert word.fence == newest or word.at - taken_at < TICK_SECONDS
        assert words[-1].fence == newest


def test_those_of_the_living_never_paused(run: Run) -> None:
    for name, words in by_workload(run).items():
        times = [word.at for word in words if word.at > run.killed_at - TAKEOVER_SECONDS]
        longest = max(later - at for at, later in itertools.pairwise(times))
        assert longest < TAKEOVER_SECONDS, name


def test_forecasts_are_what_they_would_have_been(run: Run) -> None:
    mine = {
        (word.workload, word.issued_at): word
        for word in run.said.since(run.killed_at, run.orphans & set(WITNESSED))
        if word.issued_at > run.killed_at
    }
    differences = [
        difference(mine[key], word)
        for word in run.undisturbed.since(run.killed_at, run.orphans)
        if (key := (word.workload, word.issued_at)) in mine
    ]
    assert len(differences) >= 3
    assert np.median(differences) < TYPICAL
    assert max(differences) < WORST


def test_a_controller_follows_all_of_it(run: Run) -> None:
    assert run.controller["headstart_predictor_connected"] == 1
    assert run.controller["headstart_forecast_records_total poison"] == 0
    assert run.controller["headstart_forecast_records_total taken"] >= len(NAMES)
    for plan in run.plans.values():
        assert plan["at"] > run.killed_at
        assert 14 < plan["demandPerSecond"] < 39


def by_workload(run: Run) -> dict[str, list[Word]]:
    found: dict[str, list[Word]] = {}
    for word in list(run.said.words):
        found.setdefault(word.workload, []).append(word)
    assert len(found) == WORKLOADS
    return found


def difference(word: Word, other: Word) -> float:
    """Return how far the medians of two forecasts are apart, by the demand's level."""
    assert word.outlook is not None
    assert other.outlook is not None
    mine, theirs = (
        np.array(one["forecast"]["values"])[:COMPARED_STEPS, 0]
        for one in (word.outlook, other.outlook)
    )
    return float(np.abs(mine - theirs).mean() / theirs.mean())
