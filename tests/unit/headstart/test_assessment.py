"""The verdict on a replay: who is compared with whom, and by what."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from controller.environment import Environment, NodeLoss, StandbyNodes
from controller.plan import Reason
from controller.policy import Cost, Limits, Objective, Standby, WorkloadPolicy
from controller.simulation import SimulatedWorld
from controller.simulation_records import Outcome, RecordKind
from controller.tick_state import TickState
from headstart.assessment import CLAIRVOYANT, Assessment, assess, summarize
from headstart.closing import print_closing
from headstart.plan_log import PlanLog
from headstart.replay import ReplayResult
from headstart.report.content import ReportInput
from headstart.report.page import render_report
from headstart.results import write_summary
from headstart.run_report import report_input
from headstart.scenario import Scenario
from tests.builders import CHAT, a_plan

COST = Cost(gpu_hour=3.6, missed_request=0.5)


def a_scenario(*, cost: Cost | None = None, losses: tuple[NodeLoss, ...] = ()) -> Scenario:
    """Return ten minutes of 1/s with a minute of 3/s in them; a replica serves 1/s."""
    requests = np.full(60, 10.0)
    requests[30:36] = 30.0
    return Scenario(
        requests=requests,
        bin_seconds=10.0,
        origin=0.0,
        policy=WorkloadPolicy(
            workload=CHAT, demand_per_replica=1.0, objective=Objective(cost=cost)
        ),
        environment=Environment(node_losses=losses),
        warmup_seconds=0.0,
    )


def a_result(scenario: Scenario, *, replicas: int) -> ReplayResult:
    """Return what a fleet of so many replicas leaves behind, always ready."""
    world = SimulatedWorld(scenario.environment, 0.0)
    world.begin_ready(CHAT, replicas, 0.0)
    plans = PlanLog.sized(2)
    plans.add(0.0, a_plan())
    plans.add(595.0, a_plan())
    return ReplayResult(
        records=world.records(), plans=plans, start=0.0, end=600.0, state=TickState()
    )


def assessed(scenario: Scenario, *, replicas: int = 2) -> tuple[Assessment, ReportInput]:
    result = a_result(scenario, replicas=replicas)
    assessment = assess(scenario, result)
    return assessment, report_input("A run", scenario, result, assessment)


def capped(scenario: Scenario, reason: Reason) -> tuple[Assessment, ReportInput]:
    """Assess a run of two replicas, all that a budget allows, whose plans have one reason."""
    limits = Limits(min_replicas=1, max_replicas=9, gpu_budget=5)
    policy = replace(scenario.policy, limits=limits, standby=Standby(gpus_per_replica=2))
    world = Environment(standby=StandbyNodes(nodes=20, gpus_per_node=2))
    scenario = replace(scenario, policy=policy, environment=world)
    result = a_result(scenario, replicas=2)
    plans = PlanLog.sized(2)
    plans.add(0.0, a_plan(reason=reason))
    plans.add(595.0, a_plan(reason=reason))
    result = replace(result, plans=plans)
    assessment = assess(scenario, result)
    return assessment, report_input("A run", scenario, result, assessment)


def closing(content: ReportInput) -> str:
    out = io.StringIO()
    print_closing(Console(file=out, width=160), content, Path("report.html"))
    return out.getvalue()


def test_where_nodes_are_lost_nobody_is_said_to_have_known_the_future() -> None:
    scenario = a_scenario(losses=(NodeLoss(at_seconds=100.0, node=50),))
    assessment, content = assessed(scenario)
    assert CLAIRVOYANT not in assessment.comparison
    assert "static" in assessment.comparison
    for told in (closing(content), render_report(content)):
        assert "Kubernetes HPA" in told
        assert "future" not in told
    assert CLAIRVOYANT in assessed(a_scenario())[0].comparison


def test_a_report_counts_restores_as_the_records_have_them() -> None:
    scenario = a_scenario()
    result = a_result(scenario, replicas=2)
    one = replace(result.records[0], kind=RecordKind.RESTORE, ready_at=None)
    begun = [
        replace(one, started_at=280.0, ready_at=290.0, outcome=Outcome.SERVING),
        replace(one, started_at=300.0, released_at=320.0, outcome=Outcome.CANCELLED),
        replace(one, started_at=400.0, outcome=Outcome.HUNG),
    ]
    result = replace(result, records=(*result.records, *begun))
    content = report_input("A run", scenario, result, assess(scenario, result))
    assert (content.restores, content.restores_hit) == (3, 1)
    assert (content.restores_cancelled, content.restores_failed) == (1, 1)


def test_the_table_and_the_sentences_reckon_gpus_from_the_same_hundred() -> None:
    _, content = assessed(a_scenario(), replicas=3)
    bound = replace(content.comparisons[-1], gpu_seconds=content.own.gpu_seconds / 1.25)
    told = closing(replace(content, comparisons=(content.own, bound)))
    assert re.search(r"knowing the future .* 25 % more *\n", told)
    assert "Headstart used 25 % more than that bound" in told


def test_a_share_asked_for_is_met_or_missed() -> None:
    assessment, content = assessed(a_scenario(), replicas=3)
    assert (assessment.trial.attainment, assessment.cost) == (0.99, None)
    told = closing(content)
    assert "objective 99 %" in told
    assert "met" in told
    assert "cost" not in told


def test_where_money_decides_no_share_is_met_or_missed(tmp_path: Path) -> None:
    scenario = a_scenario(cost=COST)
    assessment, content = assessed(scenario)
    summary = summarize("a.csv", scenario, assessment, wall_seconds=1.0)
    write_summary(tmp_path / "summary.json", summary)
    assert json.loads((tmp_path / "summary.json").read_text())["objective_attainment"] is None
    told, page = closing(content), render_report(content)
    assert "objective by cost" in told
    assert "objective by cost, within 2 s" in page
    for text in (told, page):
        assert "99 %" not in text
        assert not any(word in text for word in (" met ", " missed ", "✓", "✗", "fell short"))


def test_where_money_decides_the_summary_says_what_everybody_spends(tmp_path: Path) -> None:
    scenario = a_scenario(cost=COST)
    assessment, content = assessed(scenario)
    write_summary(
        tmp_path / "summary.json", summarize("a.csv", scenario, assessment, wall_seconds=1.0)
    )
    money = json.loads((tmp_path / "summary.json").read_text())["money"]
    assert money.keys() == {"headstart", *assessment.comparison}
    assert [money["headstart"], money["hpa"]] == [one.money for one in content.comparisons[:2]]
    by_share = a_scenario()
    told = summarize("a.csv", by_share, assessed(by_share)[0], wall_seconds=1.0).content()
    assert "money" not in told


def test_where_money_decides_gpus_and_late_requests_are_compared_in_it() -> None:
    assessment, content = assessed(a_scenario(cost=COST))
    own, other = content.comparisons[0], content.comparisons[1]
    missed = assessment.score.missed
    assert missed > 30
    # Two GPUs for ten minutes at 3.6 an hour are 1.2.
    assert own.money == pytest.approx(1.2 + 0.5 * missed)
    assert other.money is not None
    assert f"{own.money:,.2f}" in closing(content)
    assert "Headstart cost" in closing(content)
    assert f"Kubernetes HPA, which would have cost {other.money:,.2f}." in closing(content)
    assert f"costs {other.money:,.2f}," in render_report(content)


def test_the_others_keep_to_the_limits_and_it_is_told_where_these_decided(tmp_path: Path) -> None:
    scenario = a_scenario()
    assessment, content = capped(scenario, Reason.MAX_REPLICAS)
    assert (assessment.trial.min_replicas, assessment.trial.max_replicas) == (1, 2)
    # Two replicas of two GPUs for ten minutes; the peak would need three.
    assert assessment.comparison["static"].gpu_seconds == 2 * 2 * 600
    note = (
        "Limits of the policy decided for Headstart: gpuBudget 5 for 100 % of the time; the others "
        "keep to the same, but the planner that knows the future knows no limits."
    )
    assert note in " ".join(closing(content).split())
    assert f"<p>{note}</p>" in render_report(content)
    summary = summarize("a.csv", scenario, assessment, wall_seconds=1.0)
    write_summary(tmp_path / "summary.json", summary)
    assert json.loads((tmp_path / "summary.json").read_text())["notes"] == [note]


def test_where_no_limit_decided_none_is_told() -> None:
    assessment, content = capped(a_scenario(), Reason.FORECAST)
    assert assessment.notes == ()
    assert "Limits" not in closing(content)
    assert "notes" not in summarize("a", a_scenario(), assessment, wall_seconds=1.0).content()


@pytest.mark.parametrize(("replicas", "share"), [(0, 0.5), (3, 0.999)])
def test_where_money_decides_the_share_of_the_others_stays_within_bounds(
    replicas: int, share: float
) -> None:
    assessment, _ = assessed(a_scenario(cost=COST), replicas=replicas)
    assert assessment.trial.attainment == share


def test_where_money_decides_others_are_sized_for_the_share_that_was_attained() -> None:
    assessment, _ = assessed(a_scenario(cost=COST))
    share = assessment.trial.attainment
    assert share <= assessment.score.attained_share < share + 0.001
    assert 0.5 < share < 0.9
    for name in ("static", CLAIRVOYANT):
        assert assessment.comparison[name].attained_share >= share
    assert (
        assessment.comparison[CLAIRVOYANT].gpu_seconds
        < assessed(a_scenario())[0].comparison[CLAIRVOYANT].gpu_seconds
    )


def test_nobody_attains_the_objective_for_less_than_who_knows_the_future() -> None:
    assessment, _ = assessed(a_scenario(), replicas=3)
    bound = assessment.comparison[CLAIRVOYANT]
    attaining = [one for one in assessment.comparison.values() if one.attained_share >= 0.99]
    assert bound.attained_share >= 0.99
    assert all(bound.gpu_seconds <= one.gpu_seconds for one in (assessment.score, *attaining))


def test_a_fleet_too_small_is_neither_the_bound_nor_said_to_beat_it() -> None:
    assessment, content = assessed(a_scenario(), replicas=1)
    assert assessment.score.attained_share < 0.99
    assert assessment.comparison[CLAIRVOYANT].attained_share >= 0.99
    assert assessment.comparison[CLAIRVOYANT].gpu_seconds > assessment.score.gpu_seconds
    for told in (closing(content), render_report(content)):
        assert "to keep the objective; Headstart used" in " ".join(told.split())
        assert "than that bound" not in told
