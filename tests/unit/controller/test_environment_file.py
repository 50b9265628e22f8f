from __future__ import annotations

from pathlib import Path

import pytest

from controller.environment import (
    Change,
    Environment,
    Metrics,
    NodeLoss,
    Outage,
    Parking,
    StandbyNodes,
    StartLatency,
)
from controller.environment_file import parse_environment, read_environment
from controller.errors import InvalidFileError

EXAMPLE = Path(__file__).parents[3] / "deploy" / "examples" / "environment.yaml"


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "{}"])
def test_an_empty_file_is_the_default_world(text: str) -> None:
    assert parse_environment(text, "environment.yaml") == Environment()


def test_every_field_of_the_example_arrives() -> None:
    restore = StartLatency(median_seconds=20.0, failure_share=0.01, hang_share=0.02)
    slowed = StartLatency(median_seconds=60.0, failure_share=0.01, hang_share=0.02)
    assert read_environment(EXAMPLE) == Environment(
        restore=restore,
        cold_start=StartLatency(median_seconds=180.0),
        changes=(Change(at_seconds=3600.0, restore=slowed),),
        standby=StandbyNodes(nodes=40),
        node_losses=(NodeLoss(at_seconds=5400.0, node=3, back_at_seconds=9000.0),),
        metrics=Metrics(outages=(Outage(from_seconds=7200.0, to_seconds=9000.0),)),
    )


def test_a_change_keeps_what_was_in_force_before_it() -> None:
    text = """
restore: {medianSeconds: 10, sigma: 0.5}
changes:
  - {atSeconds: 200, restore: {sigma: 0.1}, coldStart: {medianSeconds: 90}}
  - {atSeconds: 100, restore: {medianSeconds: 30}}
"""
    assert parse_environment(text, "environment.yaml").changes == (
        Change(at_seconds=100.0, restore=StartLatency(median_seconds=30.0, sigma=0.5)),
        Change(
            at_seconds=200.0,
            restore=StartLatency(median_seconds=30.0, sigma=0.1),
            cold_start=StartLatency(median_seconds=90.0),
        ),
    )


def test_a_partial_cold_start_keeps_the_default_of_cold_starts() -> None:
    environment = parse_environment("coldStart: {sigma: 0.1}", "environment.yaml")
    assert environment.cold_start == StartLatency(median_seconds=180.0, sigma=0.1)


@pytest.mark.parametrize(
    ("text", "parking"),
    [
        ("{}", None),
        ("parking: {}", Parking(median_seconds=10.0, sigma=0.35, per_node=4)),
        ("parking: {medianSeconds: 45, perNode: 2}", Parking(median_seconds=45.0, per_node=2)),
        ("parking: {sigma: 0}", Parking(sigma=0.0)),
    ],
)
def test_restores_have_two_stages_if_the_file_says_how_workers_are_parked(
    text: str, parking: Parking | None
) -> None:
    assert parse_environment(text, "environment.yaml") == Environment(parking=parking)


def test_a_change_of_host_parts_keeps_what_was_in_force_before_it() -> None:
    text = """
parking: {medianSeconds: 10, perNode: 2}
changes:
  - {atSeconds: 100, parking: {medianSeconds: 30}}
  - {atSeconds: 200, restore: {sigma: 0.1}}
  - {atSeconds: 300, parking: {sigma: 0.1}}
"""
    assert parse_environment(text, "environment.yaml").changes == (
        Change(at_seconds=100.0, parking=Parking(median_seconds=30.0, per_node=2)),
        Change(at_seconds=200.0, restore=StartLatency(sigma=0.1)),
        Change(at_seconds=300.0, parking=Parking(median_seconds=30.0, sigma=0.1, per_node=2)),
    )


def test_learning_and_seed_are_taken() -> None:
    environment = parse_environment("{learning: false, seed: 0}", "environment.yaml")
    assert (environment.learning, environment.seed) == (False, 0)


def test_shares_are_judged_with_what_was_in_force_before() -> None:
    text = """
restore: {failureShare: 0.6}
changes:
  - {atSeconds: 9, restore: {hangShare: 0.5}}
  - {atSeconds: 1, restore: {hangShare: 0.3}}
"""
    with pytest.raises(InvalidFileError) as caught:
        parse_environment(text, "environment.yaml")
    assert caught.value.problems == (
        "environment.yaml:4: changes[0].restore: "
        "failureShare and hangShare must not add up to more than 1",
    )


def test_all_faults_are_told_at_once_in_the_order_of_their_lines() -> None:
    text = "seed: -7\nlearning: yes\nstandby: {nodes: 0}\n"
    with pytest.raises(InvalidFileError) as caught:
        parse_environment(text, "environment.yaml")
    assert caught.value.problems == (
        "environment.yaml:1: seed: -7 is not allowed: must be a whole number of at least 0",
        "environment.yaml:2: learning: 'yes' is not allowed: must be true or false",
        "environment.yaml:3: standby.nodes: 0 is not allowed: "
        "must be a whole number from 1 to 100000",
    )
