from __future__ import annotations

import json

import httpx
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette

from controller.adapters.alertmanager import AlertIntake
from controller.adapters.boost_memory import BoostMemory, LocalBoosts
from headstart.alert_metrics import show_alerts
from models.forecast import WorkloadName

CHAT, SEARCH = WorkloadName("inference/chat"), WorkloadName("inference/search")


class Scrape:
    """An intake for some workloads, and a look at what it shows."""

    def __init__(self, memory: BoostMemory | None = None) -> None:
        self.workloads = [CHAT, SEARCH]
        self.now = 1_000.0
        self.intake = AlertIntake(lambda: self.workloads, None, lambda: self.now, memory=memory)
        self.registry = CollectorRegistry()
        show_alerts(self.registry, self.intake, lambda: self.now)

    async def post(self, *alerts: dict[str, object], cut: int = 0) -> int:
        transport = httpx.ASGITransport(Starlette(routes=self.intake.routes()))
        body = json.dumps({"groupKey": "g", "alerts": alerts, "truncatedAlerts": cut})
        async with httpx.AsyncClient(transport=transport, base_url="http://controller") as client:
            return (await client.post("/v1/alerts", content=body)).status_code

    def value(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(f"headstart_{name}", labels)


def an_alert(policy: str = CHAT, *, status: str = "firing", at: int = 1) -> dict[str, object]:
    labels = {"headstart_policy": policy, "headstart_boost_replicas": "2"}
    return {"status": status, "labels": labels, "fingerprint": "a", "startsAt": str(at)}


async def test_repeats_are_one_boost_that_began() -> None:
    scrape = Scrape()
    for _ in range(3):
        assert await scrape.post(an_alert()) == 200
    assert scrape.value("boosts_total", workload=CHAT) == 1
    assert scrape.value("boost_replicas", workload=CHAT) == 2
    assert scrape.value("alerts_total", outcome="taken") == 3
    assert scrape.value("alert_requests_total", code="200") == 3
    assert scrape.value("boosts_total", workload=SEARCH) == 0
    assert scrape.value("boost_multiplier_ratio", workload=SEARCH) == 1


async def test_a_boost_that_can_not_be_written_down_begins_once_all_the_same() -> None:
    answers = iter([False, False, True])
    scrape = Scrape(LocalBoosts(save=lambda _: next(answers)))
    assert await scrape.post(an_alert()) == 503
    assert scrape.value("boost_replicas", workload=CHAT) == 2
    assert scrape.value("boosts_total", workload=CHAT) == 1
    assert [await scrape.post(an_alert()) for _ in range(2)] == [503, 200]
    assert scrape.value("boosts_total", workload=CHAT) == 1
    assert scrape.value("alerts_total", outcome="taken") == 1


async def test_a_boost_leaves_the_gauge_when_it_ends_and_one_that_comes_again_is_another() -> None:
    scrape = Scrape()
    await scrape.post(an_alert())
    await scrape.post(an_alert(status="resolved"))
    assert scrape.value("boost_replicas", workload=CHAT) == 0
    await scrape.post(an_alert(at=2))
    scrape.now += 10_000
    assert scrape.value("boost_replicas", workload=CHAT) == 0
    assert scrape.value("boosts_total", workload=CHAT) == 2


async def test_whatever_becomes_of_an_alert_is_counted() -> None:
    scrape = Scrape()
    await scrape.post(an_alert("mail"), {"labels": {}}, an_alert(), cut=7)
    outcomes = ("taken", "faulty", "passed_over", "truncated", "left_out")
    counted = {outcome: scrape.value("alerts_total", outcome=outcome) for outcome in outcomes}
    assert counted == {
        "taken": 1, "faulty": 1, "passed_over": 1, "truncated": 7, "left_out": 0,
    }  # fmt: skip


async def test_a_workload_that_is_gone_shows_nothing() -> None:
    scrape = Scrape()
    await scrape.post(an_alert())
    scrape.workloads.remove(CHAT)
    assert scrape.value("boosts_total", workload=CHAT) is None
    assert scrape.value("boost_replicas", workload=CHAT) is None
