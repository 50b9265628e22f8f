"""`headstart up` as a process of its own, and what its user can read of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import requests
from prometheus_client.parser import text_string_to_metric_families

from tests.parts.ports import free_port
from tests.parts.process import ServerProcess

T = TypeVar("T")
CHECKOUT = Path(__file__).parents[2]
ASK_EVERY_SECONDS = 0.2
#: The stream sends a sign of life every ten seconds.
STREAM_SILENT_SECONDS = 30


class HeadstartUp(ServerProcess):
    """One `headstart up`; ``outlooks`` and ``fleets`` gather while ``watch`` runs."""

    name = "headstart up"

    def __init__(self, options: Sequence[str], files: Mapping[str, str]) -> None:
        """Lay down the files in the process's own folder, where the options may name them."""
        super().__init__()
        for file, text in files.items():
            (self.folder / file).write_text(text, encoding="utf-8")
        self.url = f"http://127.0.0.1:{(port := free_port())}"
        self._options = [*options, "--listen", f"127.0.0.1:{port}"]
        self.outlooks: list[dict[str, Any]] = []
        self.plans: list[dict[str, Any]] = []
        self.fleets: list[dict[str, Any]] = []
        self._is_over = threading.Event()
        self._watchers: list[threading.Thread] = []

    def command(self) -> list[str]:
        """Run it as its user does."""
        return [sys.executable, "-m", "headstart", "up", *self._options]

    def environment(self) -> dict[str, str]:
        """Let the process find the checkout from its own folder."""
        return {**os.environ, "PYTHONPATH": str(CHECKOUT), "PYTHONUNBUFFERED": "1"}

    def answers(self) -> bool:
        """Say whether it calls itself healthy."""
        try:
            return requests.get(f"{self.url}/healthz", timeout=2).status_code == 200
        except requests.RequestException:
            return False

    def watch(self, workload: str) -> None:
        """Gather every outlook of the stream, every plan, and the fleet that it was made for."""
        for follow in (self._follow_stream, self._follow_plans):
            thread = threading.Thread(target=follow, args=(workload,), name="watcher")
            self._watchers.append(thread)
            thread.start()

    def close(self) -> None:
        """End the process, and with it the watchers."""
        self._is_over.set()
        try:
            super().close()
        finally:
            for thread in self._watchers:
                thread.join()

    def get(self, path: str) -> dict[str, Any] | None:
        """Return a JSON answer, None where there is none yet."""
        answer = requests.get(f"{self.url}{path}", timeout=30)
        return answer.json() if answer.status_code == 200 else None

    def metrics(self) -> dict[str, float]:
        """Return every sample of ``/metrics``, by name and label values in the order of labels."""
        text = requests.get(f"{self.url}/metrics", timeout=30).text
        return {
            " ".join([sample.name, *(sample.labels[key] for key in sorted(sample.labels))]): (
                sample.value
            )
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    def explain(self, workload: str, *, at: float) -> dict[str, Any]:
        """Return what ``headstart explain`` says of the plan that was in force at a time."""
        words = ["explain", workload, "--url", self.url, "--at", repr(at), "--json"]
        done = subprocess.run(
            [sys.executable, "-m", "headstart", *words],
            env=self.environment(),
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, f"explain ended with {done.returncode}: {done.stderr}"
        said: dict[str, Any] = json.loads(done.stdout)
        return said

    def says(self, *words: str) -> bool:
        """Say whether a line of the log has all of the words."""
        lines = self.log_file.read_text(encoding="utf-8").splitlines()
        return any(all(word in line for word in words) for line in lines)

    def _follow_stream(self, workload: str) -> None:
        try:
            with requests.get(
                f"{self.url}/v1/stream?workload={workload}",
                stream=True,
                timeout=STREAM_SILENT_SECONDS,
            ) as answer:
                for line in answer.iter_lines():
                    if self._is_over.is_set():
                        return
                    if line.startswith(b"data: "):
                        self.outlooks.append(json.loads(line.removeprefix(b"data: ")))
        except requests.RequestException:
            return  # whoever waits for an outlook says that none came

    def _follow_plans(self, workload: str) -> None:
        while not self._is_over.wait(ASK_EVERY_SECONDS):
            try:
                plan, fleet = self.get(f"/v1/plans/{workload}"), self.get("/v1/fleet")
            except requests.RequestException:
                continue
            if plan and (not self.plans or plan["at"] > self.plans[-1]["at"]):
                self.plans.append(plan)
            if fleet and (not self.fleets or fleet["seenAt"] > self.fleets[-1]["seenAt"]):
                self.fleets.append(fleet)


def until(ask: Callable[[], T | None], what: str, *, within_seconds: float = 120.0) -> T:
    """Ask again until the answer is true, and return it.

    Raises:
        AssertionError: saying what did not come, once patience ends.
    """
    deadline = time.monotonic() + within_seconds
    while not (answer := ask()):
        assert time.monotonic() < deadline, f"not within {within_seconds:.0f} s: {what}"
        time.sleep(ASK_EVERY_SECONDS)
    return answer
