from __future__ import annotations

from pathlib import Path

import pytest

from controller.errors import InvalidFileError
from controller.policy import (
    Actuator,
    CalendarEntry,
    Cost,
    Demand,
    KafkaDemand,
    Limits,
    Mode,
    Objective,
    PodTarget,
    PrometheusDemand,
    Restore,
    ScaleDown,
    Standby,
    WorkloadPolicy,
)
from controller.policy_file import parse_policies, read_policies
from models.forecast import WorkloadName

EXAMPLE = Path(__file__).parents[3] / "deploy" / "examples" / "policy.yaml"

LEAST = """
apiVersion: headstart.dev/v1alpha1
kind: PreRestorePolicy
metadata: {name: chat}
spec:
  demand: {prometheus: {query: up}}
  capacity: {demandPerReplica: 3}
"""


def problems_of(text: str) -> tuple[str, ...]:
    with pytest.raises(InvalidFileError) as caught:
        parse_policies(text, "policy.yaml")
    return caught.value.problems


def test_what_a_policy_leaves_out_takes_the_defaults() -> None:
    assert parse_policies(LEAST, "policy.yaml") == (
        WorkloadPolicy(
            workload=WorkloadName("chat"),
            demand_per_replica=3.0,
            demand=Demand(prometheus=PrometheusDemand(query="up")),
        ),
    )


def test_every_field_of_the_first_example_arrives() -> None:
    assert read_policies(EXAMPLE)[0] == WorkloadPolicy(
        workload=WorkloadName("chat"),
        namespace="inference",
        mode=Mode.OBSERVE,
        demand_per_replica=4.2,
        demand=Demand(
            prometheus=PrometheusDemand(
                query='sum(rate(gateway_requests_total{service="chat"}[1m]))',
                step_seconds=10.0,
                history_days=14.0,
            ),
            calendar=(
                CalendarEntry(
                    name="monday-briefing",
                    cron="0 9 * * 1",
                    timezone="Europe/Berlin",
                    duration_seconds=1800.0,
                    multiplier=1.5,
                ),
            ),
        ),
        objective=Objective(attainment=0.99, wait_seconds=2.0),
        actuator=Actuator.PODS,
        pods=PodTarget(
            template={
                "spec": {
                    "containers": [
                        {"name": "worker", "image": "registry.example.com/chat-worker:1.4"}
                    ]
                }
            },
            snapshot="chat-warm",
        ),
        restore=Restore(
            driver="NvidiaSnapshot",
            snapshot="chat-warm",
            size_gib=40.0,
            timeout_seconds=600.0,
            max_concurrent_per_node=1,
            cold_fallback=True,
        ),
        standby=Standby(node_selector=(("headstart.dev/pool", "h100"),), gpus_per_replica=1),
        limits=Limits(min_replicas=1, max_replicas=24, priority=10),
        scale_down=ScaleDown(hold_seconds=120.0, drain_seconds=30.0),
    )


def test_every_field_of_the_second_example_arrives() -> None:
    assert read_policies(EXAMPLE)[1] == WorkloadPolicy(
        workload=WorkloadName("summarize"),
        namespace="inference",
        mode=Mode.RECOMMEND,
        demand_per_replica=1800.0,
        demand=Demand(
            kafka=KafkaDemand(
                topic="summarize-requests", timestamp_field="arrivedAt", weight_field="tokens"
            )
        ),
        objective=Objective(cost=Cost(gpu_hour=2.5, missed_request=0.02)),
        actuator=Actuator.KEDA,
        scale_target=("Deployment", "summarize"),
        scale_target_api_version="apps/v1",
        restore=Restore(driver="Scale"),
        limits=Limits(max_replicas=8),
    )


def test_a_null_field_is_a_field_left_out() -> None:
    text = LEAST + "  limits: {minReplicas: null, maxReplicas: 5}\n"
    assert parse_policies(text, "policy.yaml")[0].limits == Limits(max_replicas=5)


def test_an_alias_stands_for_what_it_names() -> None:
    text = LEAST.replace("capacity: {demandPerReplica: 3}", "capacity: {demandPerReplica: &n 3}")
    (policy,) = parse_policies(text + "  objective: {waitSeconds: *n}\n", "policy.yaml")
    assert policy.objective.wait_seconds == 3.0


@pytest.mark.parametrize(("written", "read"), [("1e2", 100.0), ("+4", 4.0), (".5", 0.5)])
def test_numbers_are_read_as_yaml_1_2_writes_them(written: str, read: float) -> None:
    text = LEAST.replace("demandPerReplica: 3", f"demandPerReplica: {written}")
    assert parse_policies(text, "policy.yaml")[0].demand_per_replica == read


def test_a_replay_needs_no_source_of_demand() -> None:
    text = LEAST.replace("  demand: {prometheus: {query: up}}\n", "")
    (policy,) = parse_policies(text, "policy.yaml", needs_demand=False)
    assert policy.demand == Demand()
    assert problems_of(text) == (
        "policy.yaml:5: spec.demand: needs a source: prometheus, kafka or both",
    )


def test_a_policy_as_a_cluster_prints_it_is_read() -> None:
    text = LEAST.replace("{name: chat}", "{name: chat, uid: 3f, labels: {team: a}, generation: 4}")
    assert parse_policies(text + "status: {replicas: 3}\n", "policy.yaml")[0].workload == "chat"


def test_all_faults_are_told_at_once_in_the_order_of_their_lines() -> None:
    text = (
        LEAST.replace("demandPerReplica: 3", "demandPerReplica: 0")
        + "  scaleDown: {holdSeconds: -1}\n"
        + "  limits: {minReplicas: 4, maxReplicas: 3}\n"
        + "  mode: act\n"
    )
    assert problems_of(text) == (
        "policy.yaml:7: spec.capacity.demandPerReplica: 0 is not allowed: "
        "must be a number of at least 0.000001",
        "policy.yaml:8: spec.scaleDown.holdSeconds: -1 is not allowed: "
        "must be a number of at least 0",
        "policy.yaml:9: spec.limits.maxReplicas: 3 is not allowed: must be at least minReplicas, 4",
        "policy.yaml:10: spec.mode: 'act' is not allowed: must be Observe, Recommend or Act",
    )


def test_a_fault_in_one_document_does_not_hide_one_in_the_next() -> None:
    text = f"{LEAST}  mode: On\n---{LEAST}"
    assert problems_of(text) == (
        "policy.yaml:8: spec.mode: 'On' is not allowed: must be Observe, Recommend or Act",
        "policy.yaml:12: metadata.name: 'chat' is not allowed: must differ from the one in line 4",
    )


@pytest.mark.parametrize(
    "spec",
    [
        "  demnd: {prometheus: {password: hunter2}}\n",
        "  password: hunter2\n",
        "  objective: hunter2\n",
        "  demand: {calendar: [{name: a, ical: [hunter2], multiplier: 2}]}\n",
    ],
)
def test_what_may_be_a_secret_is_not_repeated(spec: str) -> None:
    problems = problems_of(LEAST.replace("  demand: {prometheus: {query: up}}\n", "") + spec)
    assert not [problem for problem in problems if "hunter2" in problem]


@pytest.mark.parametrize(
    "cron", ["@daily", "*/5 * * * *", "0 9 * * mon-fri", "0,30 8-18/2 1 jan,jul 7"]
)
def test_cron_takes_lists_ranges_steps_and_names(cron: str) -> None:
    assert cron_problems(cron) == ()


@pytest.mark.parametrize(
    "cron",
    ["0 9 * *", "60 * * * *", "5-1 * * * *", "*/0 * * * *", "x * * * *", "0 0 0 * *", ", * * * *"],
)
def test_cron_refuses_what_never_fires(cron: str) -> None:
    assert cron_problems(cron) == (
        f"policy.yaml:9: spec.demand.calendar[0].cron: '{cron}' is not allowed: "
        "must have five fields: minute hour day month weekday, such as 0 9 * * 1-5",
    )


def cron_problems(cron: str) -> tuple[str, ...]:
    text = LEAST.replace(
        "demand: {prometheus: {query: up}}", "demand:\n    prometheus: {query: up}"
    )
    entry = (
        f"    calendar: \n      - {{name: a, cron: '{cron}', durationSeconds: 60, multiplier: 2}}\n"
    )
    text = text.replace("  capacity:", f"{entry}  capacity:")
    try:
        parse_policies(text, "policy.yaml")
    except InvalidFileError as error:
        return error.problems
    return ()


TARGETS = {
    "Pods": "  target: {podTemplate: {spec: {containers: [{name: a}]}}, podSnapshotName: warm}\n",
    "Keda": "  target: {scaleTargetRef: {kind: Deployment, name: chat}}\n",
    "Scale": "  target: {scaleTargetRef: {kind: Deployment, name: chat}}\n",
}


@pytest.mark.parametrize("actuator", ["Pods", "Keda", "Scale"])
def test_an_actuator_takes_the_target_that_it_drives(actuator: str) -> None:
    text = f"{LEAST}  actuator: {actuator}\n  restore: {{driver: NvidiaSnapshot}}\n"
    assert parse_policies(text + TARGETS[actuator], "policy.yaml")[0].actuator == actuator


@pytest.mark.parametrize(
    ("actuator", "wanted"),
    [
        ("Pods", "podTemplate and podSnapshotName"),
        ("Keda", "scaleTargetRef"),
        ("Scale", "scaleTargetRef"),
    ],
)
def test_a_driver_of_kubernetes_needs_a_target(actuator: str, wanted: str) -> None:
    text = f"{LEAST}  actuator: {actuator}\n  restore: {{driver: NvidiaSnapshot}}\n"
    assert problems_of(text) == (
        f"policy.yaml:5: spec.target: is missing: must have {wanted} for actuator {actuator}",
    )


def test_a_file_on_disk_is_named_in_its_messages(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("kind: [")
    with pytest.raises(InvalidFileError, match=r"mine\.yaml:1: is not valid YAML"):
        read_policies(path)


def test_a_byte_order_mark_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text("\ufeff" + LEAST, encoding="utf-8")
    assert read_policies(path)[0].workload == "chat"


def test_a_file_of_more_than_a_mebibyte_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_bytes(b"#" * (1024 * 1024 + 1))
    with pytest.raises(InvalidFileError, match="is too large: at most 1 MiB is allowed"):
        read_policies(path)


def test_a_count_of_four_hundred_digits_is_refused_in_a_short_line() -> None:
    [problem] = problems_of(LEAST + f"  limits: {{maxReplicas: {'9' * 400}}}\n")
    assert problem.endswith("is not allowed: must be a whole number from 1 to 2147483647")
    assert len(problem) < 200
