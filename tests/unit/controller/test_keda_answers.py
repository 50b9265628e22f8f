from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.adapters.keda.answers import (
    METRIC_NAME,
    Known,
    Refusal,
    Refused,
    Trigger,
    is_active,
    measured,
    trigger_of,
    wants_repeat,
)
from controller.plan import Plan, Reason, Upcoming
from controller.policy import Actuator, Mode, WorkloadPolicy
from models.forecast import WorkloadName
from tests.builders import a_plan
from tests.unit.controller.builders import a_policy

NOW = 1_000.0
NAME = WorkloadName("inference/chat")
TRIGGER = Trigger(policy="chat", namespace="inference")


def a_keda_policy(workload: str = NAME) -> WorkloadPolicy:
    return replace(a_policy(workload), actuator=Actuator.KEDA)


def known_of(plan: Plan | None = None, *policies: WorkloadPolicy) -> Known:
    plans = {} if plan is None else {plan.workload: plan}
    rules = {policy.workload: policy for policy in policies or (a_keda_policy(),)}
    return Known(plans=plans, policies=rules, now=NOW, stale_after_seconds=30.0)


def planned(
    *,
    at: float = NOW,
    target: int = 3,
    floor: int = 0,
    ready: int = 0,
    restoring: int = 0,
    reason: Reason = Reason.FORECAST,
    upcoming: tuple[Upcoming, ...] = (),
    workload: str = NAME,
) -> Plan:
    return a_plan(at=at)._replace(
        workload=WorkloadName(workload),
        target=target,
        floor=floor,
        ready=ready,
        restoring=restoring,
        reason=reason,
        upcoming=upcoming,
    )


def refused(trigger: Trigger, metric: str, known: Known) -> Refused:
    answer = measured(trigger, metric, known)
    assert isinstance(answer, Refused)
    return answer


@pytest.mark.parametrize("target", [0, 1, 17])
def test_the_value_is_the_number_of_replicas(target: int) -> None:
    assert measured(TRIGGER, METRIC_NAME, known_of(planned(target=target))) == target


def test_a_plan_is_good_until_it_is_stale() -> None:
    assert measured(TRIGGER, METRIC_NAME, known_of(planned(at=NOW - 30.0))) == 3
    answer = refused(TRIGGER, METRIC_NAME, known_of(planned(at=NOW - 31.0)))
    assert answer == Refused(
        refusal=Refusal.UNAVAILABLE, why="inference/chat: the last plan is 31 s old"
    )


def test_before_the_first_plan_there_is_no_number() -> None:
    assert refused(TRIGGER, METRIC_NAME, known_of()) == Refused(
        refusal=Refusal.UNAVAILABLE, why="inference/chat: no plan made yet"
    )


@pytest.mark.parametrize(
    ("trigger", "metric", "refusal", "why"),
    [
        (
            Trigger(policy="", namespace="inference"),
            METRIC_NAME,
            Refusal.INVALID,
            "scalerMetadata.policy: missing: must name a PreRestorePolicy",
        ),
        (
            Trigger(policy="search", namespace="inference"),
            METRIC_NAME,
            Refusal.UNKNOWN,
            "scalerMetadata.policy: 'inference/search' is not a policy in force here",
        ),
        (
            TRIGGER,
            "s0-headstart-target",
            Refusal.INVALID,
            "metricName: 's0-headstart-target' is not served: must be headstart-target",
        ),
    ],
)
def test_what_is_not_there_is_said_in_one_line(
    trigger: Trigger, metric: str, refusal: Refusal, why: str
) -> None:
    assert refused(trigger, metric, known_of(planned())) == Refused(refusal=refusal, why=why)


@pytest.mark.parametrize(
    ("policy", "why"),
    [
        (
            replace(a_keda_policy(), mode=Mode.OBSERVE),
            "inference/chat: mode: Observe changes no replicas: must be Act",
        ),
        (
            replace(a_keda_policy(), mode=Mode.RECOMMEND),
            "inference/chat: mode: Recommend changes no replicas: must be Act",
        ),
        (
            replace(a_keda_policy(), actuator=Actuator.PODS),
            "inference/chat: actuator: Pods owns the replicas: must be Keda",
        ),
    ],
)
def test_keda_gets_no_number_that_is_not_its_to_act_on(policy: WorkloadPolicy, why: str) -> None:
    known = known_of(planned(), policy)
    assert refused(TRIGGER, METRIC_NAME, known) == Refused(refusal=Refusal.FORBIDDEN, why=why)
    assert is_active(TRIGGER, known) is None


def test_a_policy_of_another_namespace_is_not_the_one_named() -> None:
    elsewhere = replace(TRIGGER, namespace="other")
    assert refused(elsewhere, METRIC_NAME, known_of(planned())).refusal is Refusal.UNKNOWN


def test_the_scaled_objects_namespace_is_taken_unless_another_is_named() -> None:
    assert trigger_of({"policy": "chat"}, "inference") == TRIGGER
    assert trigger_of({"policy": " chat ", "namespace": "inference"}, "web") == TRIGGER


@pytest.mark.parametrize(
    ("plan", "active"),
    [
        (planned(target=0), False),
        (planned(target=1), True),
        (planned(target=0, floor=1), True),
        (planned(target=0, floor=1, reason=Reason.MAX_REPLICAS), False),
        (planned(target=0, upcoming=(Upcoming(start_at=NOW + 5.0, count=1),)), False),
        (planned(target=0, upcoming=(Upcoming(start_at=NOW, count=1),)), True),
        (planned(target=2, at=NOW - 86_400.0), True),
    ],
)
def test_zero_becomes_one_when_the_plan_says_so(plan: Plan, *, active: bool) -> None:
    assert is_active(TRIGGER, known_of(plan)) is active


@pytest.mark.parametrize(
    ("plan", "repeats"),
    [
        (None, False),
        (planned(target=0), False),
        (planned(target=1), True),
        (planned(target=1, restoring=1), False),
        (planned(target=1, ready=1), False),
    ],
)
def test_a_push_is_repeated_only_while_nothing_came_of_it(
    plan: Plan | None, *, repeats: bool
) -> None:
    assert wants_repeat(TRIGGER, known_of(plan)) is repeats


@given(
    metadata=st.dictionaries(st.sampled_from(["policy", "namespace", "x"]) | st.text(), st.text()),
    namespace=st.text(),
    metric=st.text(),
)
def test_no_metadata_is_beyond_an_answer(
    metadata: dict[str, str], namespace: str, metric: str
) -> None:
    known = known_of(planned())
    trigger = trigger_of(metadata, namespace)
    assert is_active(trigger, known) in (None, True)
    answer = measured(trigger, metric, known)
    assert answer == 3 or (isinstance(answer, Refused) and "\n" not in answer.why)
