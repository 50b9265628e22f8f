"""A Prometheus server of our own, on a free port of 127.0.0.1."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import requests
import yaml

from tests.parts.errors import RealPartError
from tests.parts.fetch import prometheus_folder
from tests.parts.ports import free_port
from tests.parts.process import ServerProcess
from tests.parts.remote_write import WrittenSeries, write_request

# A request's bytes are held in memory on both sides; 81 MiB were needed for 360,000 samples.
SAMPLES_PER_REQUEST = 20_000
REQUEST_SECONDS = 30


class PrometheusServer(ServerProcess):
    """One server; ``url`` is its address, ``targets`` are ``host:port`` scraped every second."""

    name = "Prometheus"

    def __init__(
        self,
        targets: Sequence[str] = (),
        *,
        binaries: Path | None = None,
        rules: Sequence[Path] = (),
        alertmanagers: Sequence[str] = (),
        remote_stores: Sequence[str] = (),
    ) -> None:
        """Lay down an empty server that scrapes the targets under the job ``app``.

        ``rules`` are evaluated each second, and told to ``alertmanagers`` (``host:port``).

        Raises:
            RealPartError: if Prometheus can't be had.
        """
        self._binaries = binaries or prometheus_folder()
        self._rules, self._alertmanagers = tuple(rules), tuple(alertmanagers)
        self._remote_stores = tuple(remote_stores)
        super().__init__()
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._configure(targets)

    def command(self) -> list[str]:
        """Run with remote write received, and a retention that keeps old history."""
        return [
            str(self._binaries / "prometheus"),
            f"--config.file={self.folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={self.folder / 'data'}",
            "--storage.tsdb.retention.time=10y",
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--web.enable-lifecycle",
            "--web.enable-remote-write-receiver",
            # A minute by default: so long an Alertmanager that came back would know nothing.
            "--rules.alert.resend-delay=2s",
        ]

    def answers(self) -> bool:
        """Say whether the server calls itself ready."""
        try:
            return requests.get(f"{self.url}/-/ready", timeout=2).status_code == 200
        except requests.RequestException:
            return False

    def scrape(self, targets: Sequence[str]) -> None:
        """Scrape these from now on: to be called once the history that they follow is written."""
        self._configure(targets)
        requests.post(f"{self.url}/-/reload", timeout=REQUEST_SECONDS).raise_for_status()

    def remote_write(self, series: Sequence[WrittenSeries]) -> None:
        """Write history; all series that share a time span must come in one call.

        Once a sample is held, those over an hour older are refused, and a sample in the future
        moves that limit too: write in the order of time, and only into the past.

        Raises:
            RealPartError: with the server's words, if it refused.
        """
        for part in _in_time_order(series):
            response = requests.post(
                f"{self.url}/api/v1/write",
                data=write_request(part),
                headers={
                    "Content-Type": "application/x-protobuf",
                    "Content-Encoding": "snappy",
                    "X-Prometheus-Remote-Write-Version": "0.1.0",
                },
                timeout=REQUEST_SECONDS,
            )
            if response.status_code != 204:
                raise RealPartError(f"Prometheus refused: {response.text.strip()}")

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Return the result of an instant query, as the API has it."""
        return self._result("query", {"query": expression})

    def query_range(
        self, expression: str, *, start: float, end: float, step_seconds: float
    ) -> list[dict[str, Any]]:
        """Return the series of a range query; start and end in seconds since the epoch."""
        asked = {"query": expression, "start": start, "end": end, "step": step_seconds}
        return self._result("query_range", asked)

    def alerts(self) -> list[dict[str, Any]]:
        """Return the alerts that are pending or firing, as the API has them."""
        found: list[dict[str, Any]] = self._data("alerts", {})["alerts"]
        return found

    def _configure(self, targets: Sequence[str]) -> None:
        config = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "scrape_configs": [
                {"job_name": "app", "static_configs": [{"targets": list(targets)}]},
            ],
            "remote_read": [{"url": url, "read_recent": True} for url in self._remote_stores],
            "rule_files": [str(path) for path in self._rules],
            "alerting": {
                "alertmanagers": [{"static_configs": [{"targets": list(self._alertmanagers)}]}]
            },
        }
        (self.folder / "prometheus.yml").write_text(yaml.safe_dump(config), encoding="utf-8")

    def _result(self, endpoint: str, asked: dict[str, Any]) -> list[dict[str, Any]]:
        result: list[dict[str, Any]] = self._data(endpoint, asked)["result"]
        return result

    def _data(self, endpoint: str, asked: dict[str, Any]) -> dict[str, Any]:
        url = f"{self.url}/api/v1/{endpoint}"
        response = requests.get(url, params=asked, timeout=REQUEST_SECONDS)
        if response.status_code != 200:
            raise RealPartError(f"Prometheus refused: {response.text.strip()}")
        data: dict[str, Any] = response.json()["data"]
        return data


def _in_time_order(series: Sequence[WrittenSeries]) -> list[list[WrittenSeries]]:
    """Cut the series into requests, each with the same stretch of all of them."""
    moments = sorted({at for one in series for at, _ in one.samples})
    stride = max(1, SAMPLES_PER_REQUEST // max(1, len(series)))
    parts = []
    for i in range(0, len(moments), stride):
        first, last = moments[i], moments[min(i + stride, len(moments)) - 1]
        parts.append(
            [
                WrittenSeries(
                    name=one.name,
                    labels=one.labels,
                    samples=[(at, value) for at, value in one.samples if first <= at <= last],
                )
                for one in series
            ]
        )
    return parts
