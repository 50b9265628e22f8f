"""An Alertmanager of our own, on a free port of 127.0.0.1, that tells no other of its alerts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import requests
import yaml

from tests.parts.fetch import alertmanager_folder
from tests.parts.ports import free_port
from tests.parts.process import ServerProcess

REQUEST_SECONDS = 30


class AlertmanagerServer(ServerProcess):
    """One server with the configuration given; ``address`` is its ``host:port``."""

    name = "Alertmanager"

    def __init__(self, configuration: dict[str, Any], *, binaries: Path | None = None) -> None:
        """Lay down the configuration.

        Raises:
            RealPartError: if Alertmanager can't be had.
        """
        self._binaries = binaries or alertmanager_folder()
        super().__init__()
        self.address = f"127.0.0.1:{free_port()}"
        self.configuration_file.write_text(yaml.safe_dump(configuration), encoding="utf-8")
        # One that was fetched looks for its templates where it runs; an installed one has them.
        for template in self._binaries.parent.glob("share/prometheus/alertmanager/*.tmpl"):
            (self.folder / template.name).symlink_to(template)

    @property
    def configuration_file(self) -> Path:
        """Where the configuration lies."""
        return self.folder / "alertmanager.yml"

    def command(self) -> list[str]:
        """Run without gossip."""
        return [
            str(self._binaries / "prometheus-alertmanager"),
            f"--config.file={self.configuration_file}",
            f"--storage.path={self.folder / 'data'}",
            f"--web.listen-address={self.address}",
            "--cluster.listen-address=",
        ]

    def answers(self) -> bool:
        """Say whether the server calls itself ready."""
        try:
            ready = requests.get(f"http://{self.address}/-/ready", timeout=2)
        except requests.RequestException:
            return False
        return ready.status_code == 200

    def notified(self, outcome: str = "total") -> float:
        """Return how many notifications it tried to send by webhook, or how many ``failed``."""
        text = requests.get(f"http://{self.address}/metrics", timeout=REQUEST_SECONDS).text
        name = {"total": "notifications_total", "failed": "notifications_failed_total"}[outcome]
        start = f'alertmanager_{name}{{integration="webhook"}} '
        return sum(
            float(line.removeprefix(start)) for line in text.splitlines() if line.startswith(start)
        )
