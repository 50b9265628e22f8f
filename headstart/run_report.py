"""From a finished replay to what its report shows, and to the files it leaves behind."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from controller.policy import Cost
from controller.simulation_records import RecordKind, ReplicaRecord
from headstart.assessment import CLAIRVOYANT, REACTIVE, Assessment
from headstart.output import prepare_folder, write_whole
from headstart.premises import premises
from headstart.replay import ReplayResult
from headstart.report.content import Comparison, Decision, Fan, ReportInput
from headstart.report.page import render_report
from headstart.results import Summary, write_plans, write_replicas, write_summary
from headstart.scenario import Scenario
from headstart.scoring import Score
from models.forecast import FloatArray

#: The width of the window that the demand drawn is a mean of.
SHOWN_DEMAND_SECONDS = 10.0
#: What the other ways to scale are called in front of people, in the order shown.
NAMES = {
    REACTIVE: "Kubernetes HPA",
    "knative": "Knative",
    "interval": "one interval ahead",
    "static": "static at the peak",
    CLAIRVOYANT: "knowing the future",
}


def report_input(
    title: str,
    scenario: Scenario,
    result: ReplayResult,
    assessment: Assessment,
    *,
    fan: Fan | None = None,
    decisions: tuple[Decision, ...] = (),
) -> ReportInput:
    """Gather what the page shows."""
    plans, trial, score = result.plans, assessment.trial, assessment.score
    times = plans.column("time")
    measured = _measured(result)
    rests_on = premises(scenario)
    return ReportInput(
        title=title,
        times=times,
        demand=_mean_demand(times, scenario),
        target=plans.column("target"),
        ready=plans.column("ready"),
        restoring=plans.column("restoring"),
        lead_time_seconds=plans.column("lead_time_seconds"),
        late_share=_at(times, assessment.late_share, trial.start, assessment.late_bin_seconds),
        capacity_per_replica=trial.capacity_per_replica,
        objective=None if assessment.cost else trial.attainment,
        wait_seconds=trial.wait_seconds,
        comparisons=_comparisons(assessment),
        requests_total=score.demand,
        requests_missed=score.missed,
        restores=assessment.restores,
        restores_failed=assessment.failures,
        restores_cancelled=assessment.cancelled,
        restores_hit=assessment.hits,
        fan=fan,
        measured_at=measured[:, 0],
        measured_seconds=measured[:, 1],
        decisions=decisions,
        origin_epoch_seconds=scenario.origin,
        premises=rests_on,
        notes=tuple(note for note in assessment.notes if note not in rests_on),
    )


def write_run(
    out: Path, result: ReplayResult, summary: Summary, content: ReportInput
) -> tuple[Path, ...]:
    """Write replicas.csv, plans.csv, summary.json and report.html; return their paths.

    Raises:
        UsageError: if the folder can't be written.
    """
    folder = prepare_folder(out)
    names = ("replicas.csv", "plans.csv", "summary.json", "report.html")
    replicas, plans, numbers, report = (folder / name for name in names)
    write_replicas(replicas, result.records, origin=0.0)
    write_plans(plans, result.plans)
    write_summary(numbers, summary)
    write_whole(report, [render_report(content)])
    return replicas, plans, numbers, report


def _measured(result: ReplayResult) -> FloatArray:
    """Return when each restore was ready, and how long it had taken, a row each."""
    restored = [
        (record.ready_at, record.ready_at - _decided_at(record))
        for record in result.records
        if record.kind != RecordKind.INITIAL and record.ready_at is not None
    ]
    return np.array(sorted(restored)).reshape(-1, 2)


def _decided_at(record: ReplicaRecord) -> float:
    """Return when a start was decided: of one that was parked, when it was promoted."""
    if record.parked_at is None or record.started_at is None:
        return record.decided_at
    return record.started_at


def _comparisons(assessment: Assessment) -> tuple[Comparison, ...]:
    rows = [_row("Headstart", assessment.score, assessment.cost)]
    for key, name in NAMES.items():
        if key in assessment.comparison:
            row = _row(name, assessment.comparison[key], assessment.cost)
            rows.append(replace(row, is_bound=key == CLAIRVOYANT))
    return tuple(rows)


def _row(name: str, score: Score, cost: Cost | None) -> Comparison:
    return Comparison(
        name=name,
        attained_share=score.attained_share,
        gpu_seconds=score.gpu_seconds,
        money=None if cost is None else score.money(cost),
    )


def _mean_demand(times: FloatArray, scenario: Scenario) -> FloatArray:
    """Return demand per second about each time: single seconds of a fine trace are noise."""
    width = max(SHOWN_DEMAND_SECONDS, scenario.bin_seconds)
    edges = np.arange(len(scenario.requests) + 1) * scenario.bin_seconds
    arrived = np.concatenate([[0.0], np.cumsum(np.nan_to_num(scenario.requests))])
    low, high = times - width / 2, np.minimum(times + width / 2, edges[-1])
    shown = (np.interp(high, edges, arrived) - np.interp(low, edges, arrived)) / (high - low)
    is_missing = np.isnan(_at(times, scenario.requests, 0.0, scenario.bin_seconds))
    return np.where(is_missing, np.nan, shown)


def _at(times: FloatArray, values: FloatArray, start: float, step: float) -> FloatArray:
    """Return the value of the equal step that each time lies in; NaN outside."""
    place = np.floor((times - start) / step + 1e-9).astype(np.int64)
    inside = (place >= 0) & (place < len(values))
    found = np.full(len(times), np.nan)
    found[inside] = values[place[inside]]
    return found
