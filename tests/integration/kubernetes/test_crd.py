"""The custom resource on a real API server: the same words as for a file, defaults, status."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
import yaml

from controller.errors import InvalidFileError
from controller.policy_file import parse_policies, read_policies
from controller.policy_rules import MOST_CALENDAR_ENTRIES
from controller.yaml_lines import read_documents
from tests.integration.kubernetes.shipped import (
    DEPLOY,
    Answer,
    Caller,
    install_definition,
    lent_namespace,
)
from tests.parts.control_plane import ControlPlane
from tests.unit.bad_input import BadInput, calendar, demand, spec
from tests.unit.bad_objectives import BAD_OBJECTIVES
from tests.unit.bad_policies import BAD_POLICIES

POLICIES = "/apis/headstart.dev/v1alpha1/namespaces/{}/prerestorepolicies"
EXAMPLES = sorted(
    {path.name for path in (DEPLOY / "examples").glob("*.yaml")} - {"environment.yaml"}
)
#: How a file, and how the API server, begins to say what is allowed.
REFUSED_VALUE = re.compile(
    r"""^(?:Required\ value:\ |Invalid\ value:\ (?:(?:"(?:[^"\\]|\\.)*"|[\d.e+-]+|true|false):\ )?)?
    (?:is\ missing:\ |.*?\ is\ not\ allowed:\ )?""",
    re.VERBOSE,
)
#: What a file can have and an object can't: faults of the text, and of the frame round the spec.
ONLY_OF_A_FILE = {
    "an empty file", "only comments", "a list", "a bare word", "an open bracket", "a tab",
    "a null byte", "not text", "two colons", "an unknown alias", "an alias within itself",
    "an object of Python", "deep nesting", "aliases that explode", "another kind",
    "another version", "no name", "a name in capitals", "a repeated key", "a merge key",
    "an infinite capacity",
}  # fmt: skip
#: Wrong types and unknown fields: the API server refuses them in its own words.
IN_OWN_WORDS = {
    "a capacity in quotes", "a capacity that is a list", "a misspelt field",
    "a field of nowhere", "half a replica", "a switch that is a word", "a label that is a number",
    "limits that are a number", "an event that is a word", "a demand that is a switch",
    "a calendar that is a mapping",
}  # fmt: skip
#: No rule knows the time zones: the controller refuses it, in the condition Ready.
LEFT_TO_THE_CONTROLLER = {"a time zone of nowhere"}
CASES = {case.what: case for case in (*BAD_POLICIES, *BAD_OBJECTIVES)}
SAME_WORDS = CASES.keys() - ONLY_OF_A_FILE - IN_OWN_WORDS - LEFT_TO_THE_CONTROLLER
#: Rules of the schema that the file's own table has no case for.
MORE = (
    BadInput("a negative priority in words", spec("  actuator: keda\n"), ()),
    BadInput("an actuator of nowhere", spec("  actuator: Pod\n"), ()),
    BadInput("a step of hours", demand("{prometheus: {query: up, stepSeconds: 7200}}"), ()),
    BadInput("a history of nothing", demand("{prometheus: {query: up, historyDays: 0}}"), ()),
    BadInput("no query", demand("{prometheus: {stepSeconds: 5}}"), ()),
    BadInput("a key without a word", demand('{kafka: {topic: t, key: ""}}'), ()),
    BadInput("offsets and a weight", demand("{kafka: {topic: t, offsetsOnly: true, "
             "weightField: w, timestampField: t}}"), ()),
    BadInput("a window of nothing", calendar("cron: '@daily', durationSeconds: 0, multiplier: 2"),
             ()),
    BadInput("a floor below nothing", calendar("ical: a.ics, floorPerSecond: -1"), ()),
    BadInput("an event twice", calendar("ical: a.ics, cron: '@daily', multiplier: 2"), ()),
    BadInput("a wait of nothing", spec("  objective: {waitSeconds: 0}\n"), ()),
    BadInput("an empty cost", spec("  objective: {cost: {}}\n"), ()),
    BadInput("a target without a name", spec("  target: {scaleTargetRef: {kind: Deployment}}\n"
             "  actuator: Scale\n"), ()),
    BadInput("a snapshot in capitals", spec("  target: {podTemplate: {spec: {containers: "
             "[{name: a}]}}, podSnapshotName: A}\n"), ()),
    BadInput("a driver with a target of the other kind", spec("  restore: {driver: Scale}\n"
             "  actuator: Keda\n"), ()),
    BadInput("no restores at a time", spec("  restore: {maxConcurrent: 0, "
             "maxConcurrentPerNode: 0, sizeGiB: 0, timeoutSeconds: 0}\n"), ()),
    BadInput("a replica without GPUs", spec("  standby: {gpusPerReplica: 0}\n"), ()),
    BadInput("limits of nothing", spec("  limits: {maxReplicas: 0, maxStep: 0, gpuBudget: 0}\n"),
             ()),
    BadInput("a hold below nothing", spec("  scaleDown: {holdSeconds: -1, drainSeconds: -1}\n"),
             ()),
    BadInput("no capacity's number", spec("").replace("{demandPerReplica: 3}", "{}"), ()),
    BadInput("no demand", spec("").replace("  demand: {prometheus: {query: up}}\n", ""), ()),
    BadInput("half a Keda target", spec("  actuator: Keda\n  restore: {driver: Scale}\n"
             "  target: {}\n"), ()),
)  # fmt: skip


@pytest.fixture(scope="module")
def admin(control_plane: ControlPlane) -> Caller:
    install_definition(control_plane)
    return Caller(control_plane, control_plane.admin)


@pytest.fixture(scope="module")
def home(control_plane: ControlPlane) -> Iterator[str]:
    with lent_namespace(control_plane, "policies") as name:
        yield name


def named(cases: Iterable[BadInput]) -> list[object]:
    return [pytest.param(case, id=case.what) for case in cases]


@pytest.mark.parametrize("case", named((*(CASES[what] for what in sorted(SAME_WORDS)), *MORE)))
def test_a_bad_policy_is_refused_in_the_words_of_the_file(
    admin: Caller, home: str, case: BadInput
) -> None:
    answer = create(admin, home, case)
    assert answer.status == 422, answer.body
    said = {(field, sentence(words)) for field, words in answer.causes}
    assert said == expected(case)


@pytest.mark.parametrize("what", sorted(IN_OWN_WORDS))
def test_a_wrong_type_or_an_unknown_field_is_refused(admin: Caller, home: str, what: str) -> None:
    answer = create(admin, home, CASES[what])
    assert answer.status in (400, 422), answer.body
    [(field, _)] = expected(CASES[what])
    assert field in answer.message


@pytest.mark.parametrize("what", sorted(LEFT_TO_THE_CONTROLLER))
def test_what_no_rule_can_know_is_let_in_for_the_controller_to_refuse(
    admin: Caller, home: str, what: str
) -> None:
    assert create(admin, home, CASES[what]).status == 201


def test_more_events_than_a_rule_can_look_at_are_refused_by_both(admin: Caller, home: str) -> None:
    entry = "{name: a, cron: '@daily', durationSeconds: 60, multiplier: 2}"
    entries = ", ".join([entry] * (MOST_CALENDAR_ENTRIES + 1))
    case = BadInput("", demand(f"{{prometheus: {{query: up}}, calendar: [{entries}]}}"), ())
    words = f"must have at most {MOST_CALENDAR_ENTRIES} items"
    assert expected(case) == {("spec.demand.calendar", words)}
    assert create(admin, home, case).causes[0][0] == "spec.demand.calendar"
    assert words in create(admin, home, case).message


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_shipped_example_is_accepted_and_means_the_same(
    admin: Caller, home: str, name: str
) -> None:
    path = DEPLOY / "examples" / name
    documents = yaml.safe_load_all(path.read_text(encoding="utf-8"))
    for document, policy in zip(documents, read_policies(path), strict=True):
        document["metadata"]["namespace"] = home
        answer = admin.call("POST", POLICIES.format(home), document, fieldValidation="Strict")
        assert answer.status == 201, answer.body
        stored = {**answer.body, "metadata": {"name": policy.workload, "namespace": "inference"}}
        assert parse_policies(yaml.safe_dump(stored), "stored") == (policy,)


def test_a_minimal_policy_gets_the_file_s_defaults(admin: Caller, home: str) -> None:
    text = spec("").replace("name: chat", "name: minimal")
    answer = admin.call("POST", POLICIES.format(home), yaml.safe_load(text))
    assert answer.body["spec"]["mode"] == "Observe"
    assert answer.body["spec"]["scaleDown"]["drainSeconds"] == 30
    stored = {**answer.body, "metadata": {"name": "minimal"}}
    assert parse_policies(yaml.safe_dump(stored), "stored") == parse_policies(text, "given")


def test_the_status_is_kept_apart_and_shown_in_columns(
    control_plane: ControlPlane, admin: Caller, home: str
) -> None:
    path = POLICIES.format(home)
    text = spec("").replace("name: chat", "name: shown")
    admin.call(
        "POST", path, {**yaml.safe_load(text), "status": {"lastPlan": {"reason": "forecast"}}}
    )
    assert "status" not in admin.call("GET", f"{path}/shown").body
    status = {
        "conditions": [condition("Ready")],
        "replicas": {"target": 7, "ready": 5, "restoring": 2},
        "leadTime": {"seconds": 12.5, "basis": "measured", "measurements": 31},
    }
    answer = admin.merge(f"{path}/shown/status", {"status": status, "spec": {"mode": "Act"}})
    assert (answer.status, answer.body["spec"]["mode"]) == (200, "Observe")
    lines = control_plane.kubectl("get", "prp", "shown", "-n", home).splitlines()
    assert re_split(lines[0])[:8] == [
        "NAME", "READY", "MODE", "TARGET", "READY REPLICAS", "RESTORING", "LEAD", "PEAK"
    ]  # fmt: skip
    assert re_split(lines[1])[:7] == ["shown", "True", "Observe", "7", "5", "2", "12.5"]
    assert "shown" in control_plane.kubectl("get", "headstart", "-n", home)


def test_a_status_that_is_none_is_refused(admin: Caller, home: str) -> None:
    path = POLICIES.format(home)
    text = spec("").replace("name: chat", "name: odd")
    admin.call("POST", path, yaml.safe_load(text))
    bad = {"conditions": [{**condition("Ready"), "status": "Maybe"}], "replicas": {"ready": -1}}
    answer = admin.merge(f"{path}/odd/status", {"status": bad})
    fields = {field for field, _ in answer.causes}
    # It says besides that rules were not looked at, of no field.
    assert fields - {"<nil>"} == {"status.conditions[0].status", "status.replicas.ready"}


def create(admin: Caller, home: str, case: BadInput) -> Answer:
    text = case.content if isinstance(case.content, str) else case.content.decode()
    [document] = read_documents(text, "policy.yaml")
    path = POLICIES.format(home)
    return admin.call("POST", path, document.value, fieldValidation="Strict", dryRun="All")


def expected(case: BadInput) -> set[tuple[str, str]]:
    """Return each field that the file's check refuses, with the sentence on what is allowed."""
    assert isinstance(case.content, str)
    with pytest.raises(InvalidFileError) as caught:
        parse_policies(case.content, "policy.yaml")
    problems = [problem.split(": ", 2)[1:] for problem in caught.value.problems]
    return {(field, sentence(words)) for field, words in problems}


def sentence(words: str) -> str:
    """Return what is allowed, without the value that is not."""
    return REFUSED_VALUE.sub("", words, count=1)


def condition(kind: str) -> dict[str, Any]:
    at = "2026-01-01T00:00:00Z"
    return {"type": kind, "status": "True", "reason": "A", "message": "", "lastTransitionTime": at}


def re_split(line: str) -> list[str]:
    """Return the columns of a table, which two spaces or more part."""
    return [cell.strip() for cell in line.split("  ") if cell.strip()]
