"""`headstart predictor` and `headstart controller` as processes of their own."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import requests
from prometheus_client.parser import text_string_to_metric_families

from tests.parts.ports import free_port
from tests.parts.process import ServerProcess
from tests.parts.service import CHECKOUT


class HeadstartService(ServerProcess):
    """One `headstart COMMAND` that serves on a port of its own."""

    def __init__(self, command: str, options: Sequence[str], files: Mapping[str, str]) -> None:
        """Lay down the files in the process's own folder, where the options may name them."""
        super().__init__()
        self.name = f"headstart {command}"
        for file, text in files.items():
            (self.folder / file).write_text(text, encoding="utf-8")
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._words = [command, *options, "--listen", f"127.0.0.1:{port}"]

    def command(self) -> list[str]:
        """Run it as its user does."""
        return [sys.executable, "-m", "headstart", *self._words]

    def environment(self) -> dict[str, str]:
        """Let the process find the checkout from its own folder."""
        return {**os.environ, "PYTHONPATH": str(CHECKOUT), "PYTHONUNBUFFERED": "1"}

    def answers(self) -> bool:
        """Say whether it calls itself healthy."""
        try:
            return requests.get(f"{self.url}/healthz", timeout=2).status_code == 200
        except requests.RequestException:
            return False

    def is_ready(self) -> bool:
        """Say whether it calls itself ready."""
        return requests.get(f"{self.url}/readyz", timeout=30).status_code == 200

    def text(self, path: str) -> str:
        """Return an answer as it is."""
        return requests.get(f"{self.url}{path}", timeout=30).text

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
