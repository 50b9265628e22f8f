"""The verdict on a finished replay: its score, the same for other ways to scale, and the counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from controller.environment import Environment
from controller.simulation_records import Outcome, RecordKind, ReplicaRecord
from headstart.baselines import score_baselines
from headstart.clairvoyant import plan_in_hindsight
from headstart.replay import ReplayResult, Scenario
from headstart.results import Summary
from headstart.scoring import Score, late_share_per_bin, score
from headstart.trial import Capacity, Trial
from models.forecast import FloatArray

#: The names of the others, as in summary.json.
REACTIVE = "hpa"
CLAIRVOYANT = "clairvoyant"
_FAILED = (Outcome.FAILED, Outcome.HUNG, Outcome.LOST)
_LATE_BIN_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Assessment:
    """What a replay attained and cost; times in seconds since the trace's start.

    ``late_share`` is of each ``late_bin_seconds`` from the scored part's start. ``hits`` are
    restores that were ready while no request waited too long.
    """

    trial: Trial
    score: Score
    comparison: Mapping[str, Score]
    late_share: FloatArray
    late_bin_seconds: float
    restores: int
    failures: int
    hits: int


def assess(scenario: Scenario, result: ReplayResult) -> Assessment:
    """Judge a replay and play the others on the same demand."""
    trial = _trial(scenario, result)
    capacity = Capacity.from_records(result.records)
    late = late_share_per_bin(trial, capacity, bin_seconds=_LATE_BIN_SECONDS)
    comparison = dict(score_baselines(trial, scenario.environment))
    comparison[CLAIRVOYANT] = _in_hindsight(trial, scenario.environment)
    started = [record for record in result.records if record.kind != RecordKind.INITIAL]
    return Assessment(
        trial=trial,
        score=score(trial, capacity),
        comparison=comparison,
        late_share=late,
        late_bin_seconds=_LATE_BIN_SECONDS,
        restores=len(started),
        failures=sum(1 for record in started if record.outcome in _FAILED),
        hits=sum(1 for record in started if _is_hit(record, late, result.start)),
    )


def summarize(
    name: str, scenario: Scenario, assessment: Assessment, *, wall_seconds: float
) -> Summary:
    """Return what summary.json says."""
    trial = assessment.trial
    return Summary(
        trace=name,
        scored_from_seconds=trial.start,
        scored_until_seconds=trial.end,
        objective_attainment=trial.attainment,
        objective_wait_seconds=trial.wait_seconds,
        capacity_per_replica=scenario.policy.demand_per_replica,
        attained_share=assessment.score.attained_share,
        gpu_seconds=assessment.score.gpu_seconds,
        restores=assessment.restores,
        failures=assessment.failures,
        hits=assessment.hits,
        misses=assessment.score.missed,
        wasted_gpu_seconds=assessment.score.idle_gpu_seconds,
        wall_seconds=wall_seconds,
        comparison=assessment.comparison,
    )


def _trial(scenario: Scenario, result: ReplayResult) -> Trial:
    policy = scenario.policy
    return Trial(
        demand_per_second=scenario.requests / scenario.bin_seconds,
        bin_seconds=scenario.bin_seconds,
        start=result.start,
        end=result.end,
        capacity_per_replica=policy.demand_per_replica,
        wait_seconds=policy.objective.wait_seconds,
        attainment=policy.objective.attainment,
        gpus_per_replica=policy.standby.gpus_per_replica,
    )


def _in_hindsight(trial: Trial, environment: Environment) -> Score:
    return plan_in_hindsight(trial, restore_seconds=environment.restore.median_seconds).score


def _is_hit(record: ReplicaRecord, late: FloatArray, start: float) -> bool:
    """Say whether a restore was ready before requests waited too long for it."""
    if record.ready_at is None:
        return False
    place = min(int((record.ready_at - start) / _LATE_BIN_SECONDS), len(late) - 1)
    return not np.nan_to_num(late[place]) > 0
