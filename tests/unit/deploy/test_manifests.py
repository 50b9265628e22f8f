"""What is generated under ``deploy/`` agrees with the code that it was generated from."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import yaml
from hypothesis import strategies as st

from controller.cron_text import check_cron
from controller.errors import InvalidFileError
from controller.policy_file import parse_policies
from headstart.manifests.crd import custom_resource_definition
from headstart.manifests.cron_pattern import CRON_PATTERN, TIMEZONE_PATTERN
from headstart.manifests.field_texts import FIELD_TEXTS
from headstart.manifests.files import generated_files

ROOT = Path(__file__).parents[3]
DEPLOY = ROOT / "deploy"
MINIMAL = """apiVersion: headstart.dev/v1alpha1
kind: PreRestorePolicy
metadata: {name: chat}
spec: {capacity: {demandPerReplica: 3}, demand: {DEMAND}}
"""
DEMANDS = (
    "prometheus: {query: up}",
    "kafka: {topic: asked}",
    "kafka: {topic: t}, calendar: [{name: a, cron: 0 9 * * 1, durationSeconds: 9, multiplier: 2}]",
)
CRON_FIELDS = (
    ("*", "0", "59", "5-10", "*/15", "7,08,9-12/2", "0/5", "00059"),
    ("*", "23", "0-6", "*/2", "9,17"),
    ("*", "1", "31", "10-20/3"),
    ("*", "12", "jan", "JAN-mar", "1,oct"),
    ("*", "0", "7", "mon-fri", "Sun", "1-5/2"),
)


def test_what_is_shipped_is_what_is_generated() -> None:
    stale = [
        str(path.relative_to(ROOT))
        for path, text in generated_files(DEPLOY).items()
        if not path.is_file() or path.read_text(encoding="utf-8") != text
    ]
    assert stale == [], "run `make manifests`"


def test_every_field_says_what_it_means_and_no_text_is_left_over() -> None:
    schema = custom_resource_definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    assert set(described(schema["properties"]["spec"], "spec")) == set(FIELD_TEXTS) - {""}


def test_the_status_is_described_throughout() -> None:
    schema = custom_resource_definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    assert len(list(described(schema["properties"]["status"], "status"))) > 30


@pytest.mark.parametrize("demand", DEMANDS)
def test_the_cluster_s_defaults_are_the_file_s(demand: str) -> None:
    text = MINIMAL.replace("DEMAND", demand)
    document = yaml.safe_load(text)
    schema = custom_resource_definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    filled = defaulted(document, schema)
    assert filled != document
    assert parse_policies(yaml.safe_dump(filled), "a") == parse_policies(text, "a")


def test_a_calendar_has_as_many_entries_in_a_file_as_in_the_cluster() -> None:
    entry = "{name: a, cron: '@daily', durationSeconds: 60, multiplier: 2}"
    demand = "prometheus: {query: up}, calendar: [ENTRIES]"
    text = MINIMAL.replace("DEMAND", demand.replace("ENTRIES", ", ".join([entry] * 100)))
    [policy] = parse_policies(text, "a")
    assert len(policy.demand.calendar) == 100
    with pytest.raises(InvalidFileError) as caught:
        parse_policies(text.replace("[{", f"[{entry}, {{"), "a")
    assert caught.value.problems == ("a:4: spec.demand.calendar: must have at most 100 items",)


@hypothesis.given(
    st.tuples(*(st.lists(st.sampled_from(f), min_size=1, max_size=3) for f in CRON_FIELDS))
)
def test_a_right_cron_matches_the_pattern(fields: tuple[list[str], ...]) -> None:
    cron = " ".join(",".join(parts) for parts in fields)
    check_cron(cron)
    assert re.search(CRON_PATTERN, cron)


@pytest.mark.parametrize(
    "cron",
    [
        "",
        "0 9 * *",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * * 13 * ",
        "* * * * 8",
        "*/0 * * * *",
        "0 9 * * 1 2021",
        "@never",
        "0 9 * * mo",
        "0 9 1, * *",
    ],
)
def test_a_cron_that_the_pattern_refuses_is_wrong(cron: str) -> None:
    assert not re.search(CRON_PATTERN, cron)
    with pytest.raises(ValueError):  # noqa: PT011  # only that it is refused counts here
        check_cron(cron)


@pytest.mark.parametrize("name", ["UTC", "Europe/Berlin", "America/Argentina/Ushuaia", "Etc/GMT+3"])
def test_a_time_zone_matches_the_pattern(name: str) -> None:
    assert re.search(TIMEZONE_PATTERN, name)
    assert not re.search(TIMEZONE_PATTERN, f"{name}/")


def described(schema: dict[str, Any], path: str) -> Iterator[str]:
    """Yield the path of each field below a schema; each must have a description."""
    assert schema["description"], path
    yield path
    for name, inner in schema.get("properties", {}).items():
        yield from described(inner, f"{path}.{name}")
    if "items" in schema:
        yield from described(schema["items"], f"{path}[]")


def defaulted(value: Any, schema: dict[str, Any]) -> Any:
    """Fill in defaults as an API server does."""
    if isinstance(value, list):
        return [defaulted(one, schema["items"]) for one in value]
    if not isinstance(value, dict):
        return value
    filled = dict(value)
    for name, inner in schema.get("properties", {}).items():
        if name not in filled and "default" in inner:
            filled[name] = inner["default"]
        if name in filled:
            filled[name] = defaulted(filled[name], inner)
    return filled
