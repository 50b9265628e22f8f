"""The verdict on a finished replay: its score, the same for other ways to scale, and the counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from controller.environment import Environment
from controller.needs import most_replicas
from controller.policy import Cost
from controller.simulation_records import Outcome, RecordKind
from headstart.baselines import score_baselines
from headstart.clairvoyant import plan_in_hindsight
from headstart.limit_words import limit_note
from headstart.parking_tally import ParkingTally, tally_parking
from headstart.premises import premises
from headstart.replay import ReplayResult
from headstart.restore_hits import count_hits
from headstart.results import Summary
from headstart.scenario import Scenario
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
    restores that were needed, and ready before a request waited too long; ``cancelled`` those given
    up before they were ready. ``cost`` is set where money decides; the trial then asks of the
    others the share that this replay attained. ``parking`` is set where restores have two stages.
    ``notes`` are sentences without which the figures would mislead.
    """

    trial: Trial
    score: Score
    comparison: Mapping[str, Score]
    late_share: FloatArray
    late_bin_seconds: float
    restores: int
    failures: int
    hits: int
    cancelled: int = 0
    cost: Cost | None = None
    parking: ParkingTally | None = None
    notes: tuple[str, ...] = ()


def assess(scenario: Scenario, result: ReplayResult) -> Assessment:
    """Judge a replay and play the others on the same demand.

    The planner that knows the future is left out where nodes are lost: it knows nothing of nodes,
    so what it needs would be no bound.
    """
    trial, cost = trial_of(scenario, result), scenario.policy.objective.cost
    capacity = Capacity.from_records(result.records)
    own = score(trial, capacity)
    if cost is not None:
        trial = replace(trial, attainment=_share_to_reach(own))
    late = late_share_per_bin(trial, capacity, bin_seconds=_LATE_BIN_SECONDS)
    comparison = dict(score_baselines(trial, scenario.environment))
    if not scenario.environment.node_losses:
        hindsight = _in_hindsight(trial, scenario.environment)
        # Who knows the future could have done what anybody did: the cheapest that attains.
        everybody = (hindsight, own, *comparison.values())
        found = [one for one in everybody if _attains(one, trial)]
        comparison[CLAIRVOYANT] = min(found or [hindsight], key=lambda one: one.gpu_seconds)
    begun = [record for record in result.records if record.kind != RecordKind.INITIAL]
    # A worker that never had a GPU was parked, and is counted as such.
    started = [record for record in begun if record.started_at is not None]
    return Assessment(
        trial=trial,
        score=own,
        comparison=comparison,
        late_share=late,
        late_bin_seconds=_LATE_BIN_SECONDS,
        restores=len(started),
        failures=sum(1 for record in started if record.outcome in _FAILED),
        hits=count_hits(result.records, trial),
        cancelled=sum(1 for record in started if record.outcome is Outcome.CANCELLED),
        cost=cost,
        parking=(
            tally_parking(result.records, end=result.end)
            if scenario.environment.parking is not None
            else None
        ),
        notes=_notes(scenario, result, has_bound=CLAIRVOYANT in comparison),
    )


def _notes(scenario: Scenario, result: ReplayResult, *, has_bound: bool) -> tuple[str, ...]:
    """Return what is to be said of a replay's terms."""
    limits = limit_note(scenario.policy, result.plans, has_bound=has_bound)
    notes = (*premises(scenario), limits)
    return tuple(note for note in notes if note)


def _attains(one: Score, trial: Trial) -> bool:
    return one.attained_share >= trial.attainment


def summarize(
    name: str, scenario: Scenario, assessment: Assessment, *, wall_seconds: float
) -> Summary:
    """Return what summary.json says."""
    trial = assessment.trial
    return Summary(
        trace=name,
        scored_from_seconds=trial.start,
        scored_until_seconds=trial.end,
        objective_attainment=None if assessment.cost else trial.attainment,
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
        parking=assessment.parking,
        money=_money(assessment),
        notes=assessment.notes,
    )


def _money(assessment: Assessment) -> dict[str, float] | None:
    """Return what everybody spends, by name, if money decides."""
    cost = assessment.cost
    if cost is None:
        return None
    scores = {"headstart": assessment.score, **assessment.comparison}
    return {name: score.money(cost) for name, score in scores.items()}


def trial_of(scenario: Scenario, result: ReplayResult) -> Trial:
    """Return a replay's scored part, as everybody is judged on it."""
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
        min_replicas=policy.limits.min_replicas,
        max_replicas=most_replicas(policy),
    )


def _in_hindsight(trial: Trial, environment: Environment) -> Score:
    return plan_in_hindsight(trial, restore_seconds=environment.restore.median_seconds).score


def _share_to_reach(own: Score) -> float:
    """Return the share to size the others for where money decides: what was attained.

    Rounded down to three digits, and never so much that nobody could attain it.
    """
    return float(np.clip(np.floor(own.attained_share * 1000 + 1e-9) / 1000, 0.5, 0.999))
