"""Three predictors that share their workloads, one of them killed, as seen on the topic.

Beside them runs one predictor by itself, on a few of the same workloads and a topic of its own:
what forecasts would have been had nothing happened.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kafka import KafkaConsumer, TopicPartition

from tests.conftest import started
from tests.parts.demand_gauges import NAME, DemandGauges
from tests.parts.kafka import KafkaBroker
from tests.parts.predictor import HeadstartService
from tests.parts.prometheus import PrometheusServer
from tests.parts.service import until

IS_SOAK = os.environ.get("HYPOTHESIS_PROFILE") == "soak"
WORKLOADS = 300 if IS_SOAK else 60
#: With five times as many on the same machine, ticks are given more time.
TICK_SECONDS = 5.0 if IS_SOAK else 2.0
STEP_SECONDS = 5.0
HISTORY_SECONDS = 1500.0
PARTITIONS = 32
TOPIC, UNDISTURBED = "forecasts", "undisturbed"
README = Path(__file__).parents[2] / "README.md"
#: How long what is left of three predictors may take to go on with everything, and to forecast it
#: anew: a session's ten seconds, joining again, and reading and learning the histories.
TAKEOVER_SECONDS = 30.0
ANEW_SECONDS = 30.0
#: How often a predictor is stopped for longer than its session, and then goes on.
FREEZES = 1 if IS_SOAK else 0
NAMES = [f"w{number:03d}" for number in range(WORKLOADS)]
#: What is forecast by a predictor of its own, too: about a third will be of the one killed.
WITNESSED = NAMES[:12]


def policies(names: Sequence[str]) -> str:
    """Return the policies of these workloads."""
    return "---\n".join(
        f"""\
apiVersion: headstart.dev/v1alpha1
kind: PreRestorePolicy
metadata: {{name: {name}}}
spec:
  demand:
    prometheus:
      query: 'max({NAME}{{workload="{name}"}})'
      stepSeconds: {STEP_SECONDS:g}
      historyDays: {HISTORY_SECONDS / 86400:.6f}
  capacity: {{demandPerReplica: 5}}
  limits: {{minReplicas: 1, maxReplicas: 20}}
"""
        for name in names
    )


@dataclass(frozen=True, kw_only=True)
class Word:
    """One record of a topic: who said what of a workload, and when (by the producer's clock)."""

    at: float
    workload: str
    fence: tuple[int, int]
    outlook: dict[str, Any] | None

    @property
    def issued_at(self) -> float:
        """When the forecast was made; 0 without one."""
        forecast = self.outlook["forecast"] if self.outlook is not None else None
        return float(forecast["issuedAt"]) if forecast is not None else 0.0

    @property
    def is_in_force(self) -> bool:
        """Say whether there is a forecast that reaches beyond the time it was published."""
        forecast = self.outlook["forecast"] if self.outlook is not None else None
        if forecast is None:
            return False
        reach_seconds = float(forecast["stepSeconds"]) * len(forecast["values"])
        return self.issued_at + reach_seconds > self.at


class Follower:
    """Reads a topic from its beginning, as anybody could; a context manager."""

    def __init__(self, broker: str, topic: str, partitions: int) -> None:
        """Prepare; nothing is read before ``with``."""
        self.words: list[Word] = []
        self._broker = broker
        self._partitions = [TopicPartition(topic, number) for number in range(partitions)]
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._follow, name=f"follower-{topic}")

    def __enter__(self) -> Follower:
        """Begin to read."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End."""
        self._is_over.set()
        self._thread.join()

    def since(self, at: float, workloads: set[str]) -> Iterator[Word]:
        """Yield what was said of these workloads from a time on."""
        return (one for one in list(self.words) if one.at >= at and one.workload in workloads)

    def _follow(self) -> None:
        consumer = KafkaConsumer(bootstrap_servers=self._broker, metrics_enabled=False)
        try:
            consumer.assign(self._partitions)
            consumer.seek_to_beginning(*self._partitions)
            while not self._is_over.is_set():
                for records in consumer.poll(timeout_ms=200).values():
                    self.words += [_word(record) for record in records]
        finally:
            consumer.close()


def _word(record: Any) -> Word:
    fence = json.loads(dict(record.headers)["headstart-fence"])
    return Word(
        at=record.timestamp / 1000,
        workload=record.key.decode(),
        fence=(fence["era"], fence["generation"]),
        outlook=None if record.value is None else json.loads(record.value),
    )


@dataclass(kw_only=True)
class Run:
    """What happened. ``orphans`` are the workloads of the predictor that was killed."""

    said: Follower
    undisturbed: Follower
    shards: list[dict[str, Any]] = field(default_factory=list)
    readiness: list[str] = field(default_factory=list)
    metrics: list[dict[str, float]] = field(default_factory=list)
    orphans: set[str] = field(default_factory=set)
    killed_at: float = 0.0
    shards_after: list[dict[str, Any]] = field(default_factory=list)
    controller: dict[str, float] = field(default_factory=dict)
    plans: dict[str, Any] = field(default_factory=dict)


@contextlib.contextmanager
def sharded_run(jars_of_kafka: Path, folder_of_prometheus: Path) -> Iterator[Run]:
    """Let everything happen once."""
    with contextlib.ExitStack() as stack:
        broker = started(KafkaBroker(jars=jars_of_kafka), stack)
        prometheus = started(PrometheusServer(binaries=folder_of_prometheus), stack)
        gauges = stack.enter_context(DemandGauges(NAMES))
        gauges.write_history(prometheus, seconds=HISTORY_SECONDS + 60, step_seconds=STEP_SECONDS)
        prometheus.scrape([gauges.target])
        # The other topic is left to the predictors to make, with 32 partitions.
        broker.create_topic(UNDISTURBED, 1, {"cleanup.policy": "compact"})
        said = stack.enter_context(Follower(broker.address, TOPIC, PARTITIONS))
        alone = stack.enter_context(Follower(broker.address, UNDISTURBED, 1))
        run = Run(said=said, undisturbed=alone)
        _play(run, stack, broker, prometheus)
        yield run


def _play(
    run: Run, stack: contextlib.ExitStack, broker: KafkaBroker, prometheus: PrometheusServer
) -> None:
    pace = ["--tick-seconds", f"{TICK_SECONDS:g}"]
    alone = ["--forecasts-topic", UNDISTURBED, "--shard-group", "alone"]
    first, second, following = shown_commands(broker, prometheus)
    predictors = [
        HeadstartService("predictor", [*words, *pace], {"policy.yaml": policies(NAMES)})
        for words in (first, second, second)
    ]
    witness = HeadstartService(
        "predictor", [*first, *pace, *alone], {"policy.yaml": policies(WITNESSED)}
    )
    controller = HeadstartService("controller", following, {"policy.yaml": policies(NAMES)})
    services = (*predictors, witness, controller)
    with ThreadPoolExecutor(max_workers=len(services)) as at_once:
        list(at_once.map(lambda service: started(service, stack), services))
    until(lambda: all_shared(predictors), "all workloads shared and ready", within_seconds=400)
    until(witness.is_ready, "the undisturbed predictor", within_seconds=120)
    until(lambda: len(forecast_since(run, 0.0, set(NAMES))) == WORKLOADS, "all forecast")
    run.shards = [shard_of(one) for one in predictors]
    run.readiness = [one.text("/readyz") for one in predictors]
    run.metrics = [one.metrics() for one in predictors]
    victim, *others = sorted(predictors, key=lambda one: -len(shard_of(one)["workloads"]))
    run.orphans = set(shard_of(victim)["workloads"])
    run.killed_at = time.time()
    victim.kill()
    until(lambda: has_settled(run), "a few new forecasts of all", within_seconds=300)
    until(lambda: all_shared(others), "ready again")
    for _ in range(FREEZES):
        _freeze(*sorted(others, key=lambda one: -len(shard_of(one)["workloads"])))
    run.shards_after = [shard_of(one) for one in others]
    run.controller = controller.metrics()
    run.plans = {name: controller.get(f"/v1/plans/{name}") for name in sorted(run.orphans)[:3]}


def _freeze(victim: HeadstartService, other: HeadstartService) -> None:
    """Stop one until the other has everything; then it must notice that its turn is over."""
    victim.freeze()
    until(lambda: all_shared([other]), "everything at the other", within_seconds=120)
    victim.thaw()
    until(lambda: all_shared([victim, other]), "shared again", within_seconds=200)


def shown_commands(broker: KafkaBroker, prometheus: PrometheusServer) -> list[list[str]]:
    """Return the options of the README's commands that use the topic, with addresses of ours."""
    ours = {"http://127.0.0.1:9090": prometheus.url, "127.0.0.1:9092": broker.address}
    lines = README.read_text(encoding="utf-8").splitlines()
    shown = [
        line.split()[2:]
        for line in lines
        # On Kubernetes names are qualified; here are none of its.
        if "--forecasts-topic forecasts" in line
        and not {"--qualified-names", "--kubernetes"} & set(line.split())
    ]
    return [
        [
            ours.get(word, word)
            for word in words
            if not word.startswith(("--listen", "127.0.0.1:808"))
        ]
        for words in shown
    ]


def shard_of(predictor: HeadstartService) -> dict[str, Any]:
    """Return what a predictor says that it has."""
    shard = predictor.get("/v1/shard")
    assert shard is not None
    return shard


def all_shared(predictors: Sequence[HeadstartService]) -> bool:
    """Say whether each is ready, and they have all workloads among them."""
    if not all(one.is_ready() for one in predictors):
        return False
    return sum(len(shard_of(one)["workloads"]) for one in predictors) == WORKLOADS


def taken_over(run: Run) -> dict[str, float]:
    """Return when each orphan was first published by another, with a forecast still in force."""
    last = {word.workload: word.fence for word in run.said.words if word.at <= run.killed_at}
    first: dict[str, float] = {}
    for word in run.said.since(run.killed_at, run.orphans):
        if word.fence > last[word.workload] and word.is_in_force:
            first.setdefault(word.workload, word.at)
    return first


def forecast_since(run: Run, at: float, workloads: set[str]) -> dict[str, float]:
    """Return when each of these workloads first had a forecast made after a time."""
    first: dict[str, float] = {}
    for word in run.said.since(at, workloads):
        if word.issued_at > at:
            first.setdefault(word.workload, word.at)
    return first


def has_settled(run: Run) -> bool:
    """Say whether each orphan was forecast three times since."""
    found: dict[str, set[float]] = {}
    for word in run.said.since(run.killed_at, run.orphans):
        if word.issued_at > run.killed_at:
            found.setdefault(word.workload, set()).add(word.issued_at)
    return len(found) == len(run.orphans) and all(len(times) >= 3 for times in found.values())
