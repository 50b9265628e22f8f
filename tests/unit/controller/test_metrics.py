import dataclasses

import pytest
from prometheus_client import CollectorRegistry

from controller.cluster_view import Phase, StartKind
from controller.learned import Learned
from controller.metrics import ControllerMetrics
from controller.plan import Upcoming
from controller.policy import Mode
from controller.tallies import Tally
from controller.tick_report import RefusedAction, TickReport
from models.forecast import WorkloadName
from models.outlook import Outlook
from tests.builders import CHAT, a_fleet, a_plan, a_replica, a_start

HEALTHY = Outlook(workload=CHAT, published_at=100.0, reading=None, forecast=None)


class Scrape:
    """Metrics and a look at their values."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.metrics = ControllerMetrics(self.registry)

    def value(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(f"headstart_{name}", labels)


def a_report(**others: object) -> TickReport:
    given: dict[str, object] = {
        "now": 100.0,
        "fleet": a_fleet(),
        "modes": {CHAT: Mode.ACT},
        "outlooks": {CHAT: HEALTHY},
        "plans": (a_plan(),),
        **others,
    }
    return TickReport(**given)  # type: ignore[arg-type]


def test_a_plan_and_the_fleet_are_shown() -> None:
    scrape = Scrape()
    fleet = a_fleet(a_replica("a"), a_replica("b", node="node-01", phase=Phase.RESTORING))
    scrape.metrics.observe(a_report(fleet=fleet))
    assert scrape.value("target_replicas", workload="chat") == 2
    assert scrape.value("ready_replicas", workload="chat") == 1
    assert scrape.value("restoring_replicas", workload="chat") == 1
    assert scrape.value("floor_replicas", workload="chat") == 2
    assert scrape.value("reactive_replicas", workload="chat") == 1
    assert scrape.value("planned_lead_time_seconds", workload="chat") == 62.0
    assert scrape.value("quantile_level", workload="chat") == 0.95
    assert scrape.value("plan_timestamp_seconds", workload="chat") == 100.0
    assert scrape.value("plans_total", workload="chat", reason="forecast") == 1
    assert scrape.value("standby_nodes", state="standby") == 1
    assert scrape.value("standby_free_gpus") == 1
    assert scrape.value("cluster_up") == 1


def test_what_waits_for_room_and_what_is_to_come_are_shown() -> None:
    scrape = Scrape()
    upcoming = (Upcoming(start_at=130.0, count=2), Upcoming(start_at=190.0, count=1))
    plan = a_plan()._replace(waiting=4, upcoming=upcoming)
    scrape.metrics.observe(a_report(plans=(plan,)))
    assert scrape.value("waiting_replicas", workload="chat") == 4
    assert scrape.value("upcoming_replicas", workload="chat") == 3


def test_observing_shows_no_target() -> None:
    scrape = Scrape()
    scrape.metrics.observe(a_report(modes={CHAT: Mode.OBSERVE}))
    assert scrape.value("target_replicas", workload="chat") is None
    assert scrape.value("ready_replicas", workload="chat") == 0
    assert scrape.value("planned_lead_time_seconds", workload="chat") == 62.0


def test_a_policy_that_went_back_to_observing_takes_its_target_away() -> None:
    scrape = Scrape()
    scrape.metrics.observe(a_report())
    scrape.metrics.observe(a_report(modes={CHAT: Mode.OBSERVE}))
    assert scrape.value("target_replicas", workload="chat") is None


def test_a_cluster_that_does_not_answer_is_down_and_the_rest_stays() -> None:
    scrape = Scrape()
    scrape.metrics.observe(a_report())
    scrape.metrics.observe(a_report(fleet=None, plans=(), is_cluster_up=False))
    assert scrape.value("cluster_up") == 0
    assert scrape.value("target_replicas", workload="chat") == 2


@pytest.mark.parametrize(
    "outlooks",
    [{}, {CHAT: Outlook(workload=CHAT, published_at=0, reading=None, forecast=None,
                        degraded=("prometheus is down",))}],
)  # fmt: skip
def test_a_workload_is_degraded_without_an_outlook_or_with_a_degraded_one(
    outlooks: dict[str, Outlook],
) -> None:
    scrape = Scrape()
    scrape.metrics.observe(a_report())
    assert scrape.value("degraded", workload="chat") == 0
    scrape.metrics.observe(a_report(outlooks=outlooks))
    assert scrape.value("degraded", workload="chat") == 1


def test_the_endings_and_durations_of_starts_are_counted() -> None:
    scrape = Scrape()
    under_way = a_replica("a", phase=Phase.RESTORING, started_at=10.0)
    failing = a_replica("b", node="node-01", phase=Phase.RESTORING, kind=StartKind.COLD)
    scrape.metrics.observe(a_report(fleet=a_fleet(under_way, failing)))
    after = a_fleet(
        a_replica("a", started_at=10.0),
        a_replica("b", node="node-01", phase=Phase.FAILED, kind=StartKind.COLD),
    )
    for _ in range(2):
        scrape.metrics.observe(a_report(fleet=after))
    restore = {"workload": "chat", "kind": "restore"}
    assert scrape.value("restores_total", outcome="ready", **restore) == 1
    assert scrape.value("restores_total", workload="chat", kind="cold", outcome="failed") == 1
    assert scrape.value("restore_duration_seconds_sum", **restore) == 60.0
    assert scrape.value("restore_duration_seconds_count", **restore) == 1


def test_a_start_that_ended_before_the_first_view_is_counted_if_it_was_measured_there() -> None:
    scrape = Scrape()
    fleet = a_fleet(a_replica("a"), a_replica("b", phase=Phase.RESTORING), a_replica("old"))
    measured = frozenset({"a"})
    for _ in range(2):
        scrape.metrics.observe(a_report(fleet=fleet, measured=measured))
    assert scrape.value("restores_total", outcome="ready", workload="chat", kind="restore") == 1


def test_each_known_phase_of_a_start_is_measured() -> None:
    scrape = Scrape()
    scrape.metrics.observe(
        a_report(fleet=a_fleet(a_replica(phase=Phase.RESTORING, started_at=10.0)))
    )
    ready = dataclasses.replace(
        a_replica(started_at=10.0), phases=(("created", 11.0), ("scheduled", 13.0))
    )
    scrape.metrics.observe(a_report(fleet=a_fleet(ready)))
    spent = {
        phase: scrape.value(
            "restore_phase_duration_seconds_sum", workload="chat", kind="restore", phase=phase
        )
        for phase in ("created", "scheduled", "started", "ready")
    }
    assert spent == {"created": 1.0, "scheduled": 2.0, "started": None, "ready": 57.0}


def test_hits_misses_waste_and_demand_only_grow() -> None:
    scrape = Scrape()
    scrape.metrics.observe(a_report())
    scrape.metrics.show_tally(CHAT, Tally(hits=2, misses=1.5, waste_gpu_seconds=30.0))
    scrape.metrics.show_learned(dataclasses.replace(a_learned(), demand=100.0))
    # As after a loop that began again.
    scrape.metrics.show_tally(CHAT, Tally(hits=3, misses=0.5, waste_gpu_seconds=40.0))
    scrape.metrics.show_learned(dataclasses.replace(a_learned(), demand=10.0))
    assert scrape.value("hits_total", workload="chat") == 3
    assert scrape.value("misses_total", workload="chat") == 2.0
    assert scrape.value("waste_gpu_seconds_total", workload="chat") == 40.0
    assert scrape.value("demand_total", workload="chat") == 110.0


def test_refused_actions_are_counted() -> None:
    scrape = Scrape()
    scrape.metrics.observe(a_report(refused=(RefusedAction(action=a_start(), why="taken"),)))
    assert scrape.value("actions_refused_total") == 1


def a_learned(workload: str = "chat") -> Learned:
    return Learned(
        workload=WorkloadName(workload),
        attained_share=0.98,
        lead_time_seconds=((0.9, 75.0),),
        measurements=12,
        basis="12 restores",
        attainment=0.99,
    )


def test_what_was_learned_is_shown_of_workloads_with_a_policy() -> None:
    scrape = Scrape()
    scrape.metrics.observe(a_report())
    scrape.metrics.show_learned(a_learned())
    scrape.metrics.show_learned(a_learned("stranger"))
    scrape.metrics.show_tally(WorkloadName("stranger"), Tally(hits=1))
    assert scrape.value("objective_attained_ratio", workload="chat") == 0.98
    assert scrape.value("objective_attainment_ratio", workload="chat") == 0.99
    assert scrape.value("lead_time_seconds", workload="chat", quantile_level="0.9") == 75.0
    assert series_of(scrape, "stranger") == []


def test_an_objective_in_money_has_no_share_to_attain() -> None:
    scrape = Scrape()
    scrape.metrics.observe(a_report())
    scrape.metrics.show_learned(a_learned())
    scrape.metrics.show_learned(dataclasses.replace(a_learned(), attainment=None))
    assert scrape.value("objective_attainment_ratio", workload="chat") is None


@pytest.mark.parametrize("mode", Mode)
def test_a_workload_whose_policy_has_gone_takes_its_series_with_it(mode: Mode) -> None:
    scrape = Scrape()
    under_way = a_replica(phase=Phase.RESTORING)
    scrape.metrics.observe(a_report(modes={CHAT: mode}, fleet=a_fleet(under_way)))
    scrape.metrics.observe(a_report(modes={CHAT: mode}))
    scrape.metrics.show_learned(a_learned())
    scrape.metrics.show_tally(CHAT, Tally(hits=2))
    assert len(series_of(scrape, "chat")) > 10
    scrape.metrics.observe(a_report(modes={}, plans=()))
    assert series_of(scrape, "chat") == []
    scrape.metrics.observe(a_report(modes={CHAT: mode}))
    scrape.metrics.show_tally(CHAT, Tally(hits=1))
    assert scrape.value("hits_total", workload="chat") == 1


def test_a_replica_of_no_policy_is_not_counted() -> None:
    scrape = Scrape()
    stranger = a_replica(workload="stranger", phase=Phase.RESTORING)
    scrape.metrics.observe(a_report(fleet=a_fleet(stranger)))
    scrape.metrics.observe(a_report(fleet=a_fleet(a_replica(workload="stranger"))))
    assert series_of(scrape, "stranger") == []


def series_of(scrape: Scrape, workload: str) -> list[str]:
    return [
        sample.name
        for family in scrape.registry.collect()
        for sample in family.samples
        if sample.labels.get("workload") == workload
    ]
