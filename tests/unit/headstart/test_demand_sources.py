from __future__ import annotations

from dataclasses import replace

import pytest

from controller.policy import Demand, KafkaDemand, PrometheusDemand, WorkloadPolicy
from headstart.demand_sources import Connections, demands_of, fingerprint
from predictor.adapters.prometheus_connections import PrometheusConnections
from predictor.settings import PrometheusSettings
from tests.builders import CHAT

QUERY = PrometheusDemand(query="sum(rate(requests_total[1m]))")
TOPIC = KafkaDemand(topic="requests")
BOTH = Demand(prometheus=QUERY, kafka=TOPIC)


def archived_as(query: PrometheusDemand) -> str:
    demand = Demand(prometheus=query)
    policy = WorkloadPolicy(workload=CHAT, demand_per_replica=1.0, demand=demand)
    connections = Connections(
        prometheus=PrometheusConnections(PrometheusSettings(url="http://127.0.0.1:1"))
    )
    [measured] = demands_of([policy], connections)
    return measured.archived_as


def test_demand_is_archived_by_what_measures_it() -> None:
    assert archived_as(QUERY) == archived_as(replace(QUERY, history_days=28.0))
    assert archived_as(QUERY) != archived_as(replace(QUERY, query="sum(rate(tokens_total[1m]))"))


@pytest.mark.parametrize(
    "other",
    [
        replace(BOTH, prometheus=replace(QUERY, query="sum(rate(tokens_total[1m]))")),
        replace(BOTH, kafka=replace(TOPIC, topic="tokens")),
        replace(BOTH, kafka=replace(TOPIC, key="chat")),
        replace(BOTH, kafka=replace(TOPIC, weight_field="tokens")),
        replace(BOTH, kafka=None),
        replace(BOTH, prometheus=None),
    ],
)
def test_another_query_topic_or_field_is_other_demand(other: Demand) -> None:
    assert fingerprint(other) != fingerprint(BOTH)
