"""What README says of Kafka, run as it stands: only the addresses are put in."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import requests
from kafka import KafkaProducer

from tests.parts.kafka import KafkaBroker
from tests.parts.ports import free_port
from tests.parts.service import CHECKOUT, until

README = (CHECKOUT / "README.md").read_text(encoding="utf-8")
SECTION = README.split("## Kafka: events out, announced demand in")[1].split("\n## ")[0]
SHELL = 'headstart() { exec python -m headstart "$@"; }\n'
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


class Terminal:
    """Runs README's blocks in a folder that has its policy."""

    def __init__(self, folder: Path, broker: KafkaBroker) -> None:
        (policy,) = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
        (folder / "policy.yaml").write_text(policy, encoding="utf-8")
        (folder / "deploy").symlink_to(CHECKOUT / "deploy")
        self.folder = folder
        self.port = free_port()
        self._broker = broker.address
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        self._environment = {**os.environ, "PATH": path, "PYTHONPATH": str(CHECKOUT)}

    def run(self, text: str) -> None:
        """Run a block to its end."""
        done = subprocess.run(
            self._words(text), env=self._environment, cwd=self.folder, check=False
        )
        assert done.returncode == 0, text

    @contextmanager
    def running(self, text: str, name: str) -> Iterator[Path]:
        """Run a line until the end of the test; what it says is in the file."""
        said = self.folder / name
        with said.open("wb") as file:
            process = subprocess.Popen(
                self._words(text), env=self._environment, cwd=self.folder, stdout=file, stderr=file
            )
        try:
            yield said
        finally:
            process.terminate()
            process.wait(timeout=60)

    def _words(self, text: str) -> list[str]:
        listen = f"--listen 127.0.0.1:{self.port}"
        text = text.replace("127.0.0.1:9092", self._broker)
        text = re.sub(r"^(headstart up .*)$", rf"\1 {listen}", text, flags=re.MULTILINE)
        return ["bash", "-euc", SHELL + re.sub(r"^python deploy", "exec python deploy", text)]


def test_what_readme_says_of_kafka_works(kafka_broker: KafkaBroker, tmp_path: Path) -> None:
    prepare_and_up, read, announce = re.findall(r"```sh\n(.*?)```", SECTION, re.DOTALL)
    *prepare, up = prepare_and_up.strip().splitlines()
    terminal = Terminal(tmp_path, kafka_broker)
    terminal.run("\n".join(prepare))
    with ExitStack() as stack:
        stack.enter_context(terminal.running(up, "up.txt"))
        events = stack.enter_context(terminal.running(read, "events.txt"))
        until(lambda: "dev.headstart.restore.started" in events.read_text(), "an event printed")
        terminal.run(announce)
        metrics = f"http://127.0.0.1:{terminal.port}/metrics"
        taken = 'headstart_announcements_total{kind="taken"} 1.0'
        until(lambda: taken in requests.get(metrics, timeout=30).text, "the campaign taken")
        told_twice(kafka_broker)
        until(lambda: "/elsewhere/2" in events.read_text(), "what was told after the repeat")
        lines = events.read_text().splitlines()
    # README's policy asks for two replicas at least; each line is of another event.
    assert len([line for line in lines if "restore.started" in line]) >= 2
    assert len([line for line in lines if "/elsewhere/1" in line]) == 1
    assert len(lines) == len(set(lines))


def told_twice(broker: KafkaBroker) -> None:
    """Have one event told twice, and then another, as the same workload's."""
    producer = KafkaProducer(bootstrap_servers=broker.address, metrics_enabled=False)
    for number in (1, 1, 2):
        name = f"/elsewhere/{number}"
        event = {"source": name, "id": "a", "type": "x", "time": "now", "data": {"of": name}}
        producer.send("headstart.events", key=b"elsewhere", value=json.dumps(event).encode())
    producer.close(timeout=30)
