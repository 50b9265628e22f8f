import pytest
from prometheus_client import CollectorRegistry

from controller.cluster_view import Phase
from controller.learned import Learned
from controller.metrics import ControllerMetrics
from controller.policy import Mode
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
    assert scrape.value("lead_time_seconds", workload="chat", quantile="planned") == 62.0
    assert scrape.value("plans_total", workload="chat", reason="forecast") == 1
    assert scrape.value("standby_nodes", state="standby") == 1
    assert scrape.value("cluster_up") == 1


def test_observing_shows_no_target() -> None:
    scrape = Scrape()
    scrape.metrics.observe(a_report(modes={CHAT: Mode.OBSERVE}))
    assert scrape.value("target_replicas", workload="chat") is None
    assert scrape.value("ready_replicas", workload="chat") == 0


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
    failing = a_replica("b", node="node-01", phase=Phase.RESTORING)
    scrape.metrics.observe(a_report(fleet=a_fleet(under_way, failing)))
    after = a_fleet(
        a_replica("a", started_at=10.0), a_replica("b", node="node-01", phase=Phase.FAILED)
    )
    for _ in range(2):
        scrape.metrics.observe(a_report(fleet=after))
    assert scrape.value("restores_total", workload="chat", outcome="ready") == 1
    assert scrape.value("restores_total", workload="chat", outcome="failed") == 1
    kind = {"workload": "chat", "kind": "restore"}
    assert scrape.value("restore_duration_seconds_sum", **kind) == 60.0
    assert scrape.value("restore_duration_seconds_count", **kind) == 1


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
    )


def test_what_was_learned_is_shown_of_workloads_with_a_policy() -> None:
    scrape = Scrape()
    scrape.metrics.observe(a_report())
    scrape.metrics.show_learned(a_learned())
    scrape.metrics.show_learned(a_learned("stranger"))
    assert scrape.value("objective_attained_ratio", workload="chat") == 0.98
    assert scrape.value("lead_time_seconds", workload="chat", quantile="0.9") == 75.0
    assert scrape.value("objective_attained_ratio", workload="stranger") is None


@pytest.mark.parametrize("mode", Mode)
def test_a_workload_whose_policy_has_gone_leaves_the_gauges(mode: Mode) -> None:
    scrape = Scrape()
    scrape.metrics.observe(a_report(modes={CHAT: mode}))
    scrape.metrics.show_learned(a_learned())
    scrape.metrics.observe(a_report(modes={}, plans=()))
    for name in ("target_replicas", "ready_replicas", "degraded", "objective_attained_ratio"):
        assert scrape.value(name, workload="chat") is None
    assert scrape.value("lead_time_seconds", workload="chat", quantile="planned") is None
    assert scrape.value("plans_total", workload="chat", reason="forecast") == 1
