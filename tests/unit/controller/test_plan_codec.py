import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.cluster_view import NodeName, Phase, ReplicaName, WorkerPhase
from controller.parking_plan import Dropped, ParkingPlan, Promotion
from controller.plan import Plan, Reason, Upcoming
from controller.plan_codec import decode_plan, encode_fleet, encode_plan, encode_plans
from models.fields import CodecError
from models.forecast import WorkloadName
from tests.builders import CHAT, a_fleet, a_plan, a_replica, a_worker, with_parking

counts = st.integers(0, 10_000)
seconds = st.floats(0, 1e10)
names = st.text(min_size=1).map(ReplicaName)
nodes = st.text(min_size=1).map(NodeName)
plans = st.builds(
    Plan,
    workload=st.text(min_size=1).map(WorkloadName),
    at=seconds,
    target=counts,
    floor=counts,
    reactive=counts,
    ready=counts,
    restoring=counts,
    demand_per_second=st.none() | seconds,
    lead_time_seconds=seconds,
    quantile_level=st.floats(0, 1),
    reason=st.sampled_from(Reason),
    starts=counts,
    waiting=counts,
    releases=st.lists(names, max_size=3).map(tuple),
    cancels=st.lists(st.tuples(names, st.text()), max_size=3).map(tuple),
    upcoming=st.lists(st.builds(Upcoming, start_at=seconds, count=counts), max_size=3).map(tuple),
    parking=st.none()
    | st.builds(
        ParkingPlan,
        target=counts,
        lead_time_seconds=seconds,
        quantile_level=st.floats(0, 1),
        parking=counts,
        parked=counts,
        parks=counts,
        waiting=counts,
        cold=counts,
        promotions=st.lists(
            st.builds(Promotion, name=names, node=nodes, attempt=counts), max_size=3
        ).map(tuple),
        unparks=st.lists(
            st.builds(Dropped, name=names, node=nodes, reason=st.text()), max_size=3
        ).map(tuple),
    ),
)


@given(plans)
def test_what_is_decoded_is_what_was_encoded(plan: Plan) -> None:
    assert decode_plan(json.loads(json.dumps(encode_plan(plan), allow_nan=False))) == plan


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("target", -1, "plan.target: -1 given"),
        ("reason", "mood", "plan.reason: 'mood' given, forecast | reactive"),
        ("releases", "r1", "plan.releases: 'r1' given"),
        ("cancels", [{"name": "r1"}], "plan.cancels.reason"),
        ("upcoming", [{"count": 1}], "plan.upcoming.startAt"),
    ],
)
def test_a_wrong_field_is_named(key: str, value: object, message: str) -> None:
    with pytest.raises(CodecError) as caught:
        decode_plan({**encode_plan(a_plan()), key: value})
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_plans_are_listed_by_name() -> None:
    both = {WorkloadName("search"): a_plan(workload="search"), CHAT: a_plan()}
    assert encode_plans(both) == {
        "plans": [encode_plan(a_plan()), encode_plan(a_plan(workload="search"))]
    }


def test_a_fleet_shows_nodes_replicas_and_the_pool_in_numbers() -> None:
    shown = encode_fleet(a_fleet(a_replica(phase=Phase.RESTORING), nodes=2, seen_at=7.0))
    assert shown["seenAt"] == 7.0
    assert shown["freeGpus"] == 1
    (replica,) = json.loads(json.dumps(shown))["replicas"]
    assert (replica["name"], replica["phase"], replica["readyAt"]) == ("chat-1", "restoring", None)


def test_where_restores_have_one_stage_nothing_is_said_of_workers() -> None:
    assert "parking" not in encode_plan(a_plan())
    assert "parking" not in encode_fleet(a_fleet())


def test_a_fault_in_what_is_said_of_workers_names_its_field() -> None:
    wrong = {**encode_plan(a_plan()), "parking": {"target": 1, "leadTimeSeconds": "soon"}}
    with pytest.raises(CodecError, match=r"plan\.parking\.leadTimeSeconds: 'soon' given"):
        decode_plan(wrong)


def test_workers_without_a_gpu_are_shown_beside_the_replicas() -> None:
    fleet = with_parking(
        a_fleet(), a_worker("w"), a_worker("f", phase=WorkerPhase.FAILED), per_node=3
    )
    encoded = encode_fleet(fleet)["parking"]
    assert isinstance(encoded, dict)
    assert encoded["perNode"] == 3
    assert [(one["name"], one["phase"], one["parkedAt"]) for one in encoded["workers"]] == [
        ("w", "parked", 10.0),
        ("f", "failed", None),
    ]
