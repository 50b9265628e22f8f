"""Every action is told once, and in order, though controllers are killed and the broker goes away.

``make soak`` kills 50 controllers and restarts the broker 5 times; the ordinary run 3 and 1.
"""

from __future__ import annotations

import logging
import os
import random
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from controller.actions import Release, Start
from controller.environment import Environment, StandbyNodes, StartLatency
from controller.simulation_records import Outcome, ReplicaRecord
from tests.integration.controller.told_topic import (
    everything,
    replica_stages,
    without_repeats,
)
from tests.parts.kafka import KafkaBroker
from tests.parts.service import CHECKOUT, until
from tests.parts.told_controller import TIMEOUT_SECONDS
from tests.parts.world_server import WorldServer
from tests.unit.controller.event_schemas import fitting

LOGGER = logging.getLogger(__name__)
IS_SOAK = os.environ.get("HYPOTHESIS_PROFILE") == "soak"
KILLS, RESTARTS = (50, 5) if IS_SOAK else (3, 1)
TOPIC = "headstart-events"
WORLD = Environment(
    restore=StartLatency(median_seconds=0.8, sigma=0.5, failure_share=0.1, hang_share=0.05),
    standby=StandbyNodes(nodes=20),
    seed=11,
)
ALMOST_OVERDUE_SECONDS = 0.95 * TIMEOUT_SECONDS
ENDS = {
    Outcome.RELEASED: ("replica.released", "released"),
    Outcome.CANCELLED: ("replica.released", "cancelled"),
    Outcome.FAILED: ("restore.failed", "failed"),
    Outcome.HUNG: ("restore.failed", "hung"),
}
pytestmark = [pytest.mark.timeout(3600), pytest.mark.filterwarnings("ignore::ResourceWarning")]


@dataclass(frozen=True, kw_only=True)
class Story:
    """What the world did up to a moment, and everything that the topic then had of it."""

    records: tuple[ReplicaRecord, ...]
    starts: Sequence[Start]
    releases: Sequence[Release]
    sent: list[dict[str, Any]]

    @property
    def events(self) -> list[dict[str, Any]]:
        """What is left once repeats are dropped, as a consumer does."""
        return without_repeats(self.sent)


class Controllers:
    """One controller after the other, on one world and one spool."""

    def __init__(self, world: WorldServer, broker: KafkaBroker, folder: Path) -> None:
        options = ["--kafka", broker.address, "--events-topic", TOPIC]
        options += ["--events-spool", str(folder / "spool.db")]
        module = "tests.parts.told_controller"
        self._command = [sys.executable, "-m", module, str(world.port), *options]
        self._log = (folder / "log.txt").open("ab")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
        self._process = subprocess.Popen(
            self._command, env=environment, cwd=CHECKOUT, stdout=self._log, stderr=self._log
        )

    def kill(self) -> None:
        if self._process is not None:
            assert self._process.poll() is None, "the controller ended by itself"
            self._process.kill()
            self._process.wait()

    def close(self) -> None:
        self.kill()
        self._log.close()


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory, jars_of_kafka: Path) -> Iterator[Story]:
    chance = random.Random(5)
    with KafkaBroker(jars=jars_of_kafka) as broker, WorldServer(WORLD) as world:
        broker.create_topic(TOPIC, 3)
        controllers = Controllers(world, broker, tmp_path_factory.mktemp("events"))
        try:
            controllers.start()
            restarts = {round((i + 0.5) * KILLS / RESTARTS) for i in range(RESTARTS)}
            for number in range(KILLS):
                wait_for_actions(world)
                time.sleep(chance.uniform(0.0, 0.5))  # so that kills meet all parts of a tick
                if number in restarts:
                    broker.kill()
                controllers.kill()
                controllers.start()
                if number in restarts:
                    wait_for_actions(world)
                    controllers.kill()
                    broker.start()
                    controllers.start()
            yield finished(world, broker)
        finally:
            controllers.close()


def wait_for_actions(world: WorldServer) -> None:
    """Return after a few more actions."""
    enough = len(world.acted) + 8
    until(lambda: len(world.acted) >= enough, "actions")


def finished(world: WorldServer, broker: KafkaBroker) -> Story:
    """Return the story up to now, once the topic has all of it."""
    acted, records = list(world.acted), world.records()
    sent: list[str] = []

    def has_all() -> bool:
        sent[:] = everything(broker, TOPIC)
        stages = replica_stages(fitting(sent))
        return all(len(stages[one.replica]) >= len(expected(one)) for one in records)

    until(has_all, "everything told", within_seconds=120)
    return Story(
        records=records,
        starts=[one for one in acted if isinstance(one, Start)],
        releases=[one for one in acted if isinstance(one, Release)],
        sent=fitting(sent),
    )


def expected(record: ReplicaRecord) -> list[tuple[str, str]]:
    """Return what is to be told of a replica by what the world knows of it."""
    stages = [("restore.started", "")]
    if record.ready_at is not None:
        stages.append(("restore.ready", ""))
    outcome = record.outcome
    if outcome is Outcome.CANCELLED and record.released_at is not None:
        assert record.started_at is not None
        # Given up just before it would have been overdue: nobody else could tell.
        took = record.released_at - record.started_at
        outcome = Outcome.HUNG if took > ALMOST_OVERDUE_SECONDS else outcome
    if outcome in ENDS:
        stages.append(ENDS[outcome])
    return stages


def test_every_action_is_told_once_and_each_life_in_order(story: Story) -> None:
    told = replica_stages(story.events)
    lives = {record.replica: expected(record) for record in story.records}
    assert {name: told[name][: len(life)] for name, life in lives.items()} == lives
    assert {action.name for action in story.starts} <= set(told)
    gone = {one.replica for one in story.records if one.outcome is Outcome.RELEASED}
    released = [action.name for action in story.releases if action.name in gone]
    assert {told[name][-1] for name in released} == {("replica.released", "released")}


def test_the_run_met_what_it_is_about(story: Story) -> None:
    outcomes = {record.outcome for record in story.records}
    LOGGER.info(
        "%d kills, %d restarts: %d starts, %d releases; %d events were sent, %d after repeats",
        *(KILLS, RESTARTS, len(story.starts), len(story.releases)),
        *(len(story.sent), len(story.events)),
    )
    assert len(story.starts) >= 4 * KILLS
    assert {Outcome.RELEASED, Outcome.FAILED} <= outcomes


def test_starts_of_a_workload_are_told_in_the_order_in_which_they_were_made(story: Story) -> None:
    by_workload: dict[str, list[float]] = defaultdict(list)
    for event in story.events:
        if event["type"] == "dev.headstart.restore.started":
            by_workload[event["subject"]].append(event["data"]["startedAt"])
    assert {name: times == sorted(times) for name, times in by_workload.items()} == {
        "chat": True,
        "code": True,
    }
