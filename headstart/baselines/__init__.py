"""Policies that others run today, played on the same demand in the same simulated world.

Each plays a trial and returns the replicas that it started; `headstart.scoring` judges them.
They see demand as late as Headstart does, wait as long for a restore, lose the same nodes, keep
to the policy's minReplicas, maxReplicas and gpuBudget (maxStep is Headstart's own: they have
rates of theirs), and are given the better choice wherever their documentation leaves one. Nothing
in here forecasts.
"""

from __future__ import annotations

from controller.environment import Environment
from headstart.baselines.fixed import play_interval, play_static
from headstart.baselines.hpa import play_hpa
from headstart.baselines.knative import play_knative
from headstart.baselines.world import BaselineReplica
from headstart.scoring import Score, score
from headstart.trial import Capacity, Trial

__all__ = [
    "BaselineReplica",
    "play_hpa",
    "play_interval",
    "play_knative",
    "play_static",
    "score_baselines",
]


def score_baselines(trial: Trial, environment: Environment) -> dict[str, Score]:
    """Play and judge every baseline, by name; ``hpa`` is what is meant by "reactive"."""
    played = {
        "hpa": play_hpa(trial, environment),
        "knative": play_knative(trial, environment),
        "interval": play_interval(trial, environment),
        "static": play_static(trial, environment),
    }
    return {name: score(trial, Capacity.from_records(rows)) for name, rows in played.items()}
