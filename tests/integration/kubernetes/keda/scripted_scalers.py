"""Replicas of a scaler whose plans a test writes, and the kubelet that looks after them."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.integration.kubernetes.keda import scripted_scaler
from tests.integration.kubernetes.keda.scaled import (
    NAME,
    NAMESPACE,
    PATIENCE_SECONDS,
    SCALER,
)
from tests.parts.ports import free_port
from tests.parts.process import ServerProcess
from tests.parts.service import CHECKOUT


class ScriptedScalers:
    """As many replicas as there are hosts; ``address`` is what KEDA is to be told.

    Their one workload is planned anew all the time, until ``stop_planning``.
    """

    def __init__(
        self, folder: Path, certificates: Path, hosts: Sequence[str], name_server_port: int
    ) -> None:
        """Lay them down with a target of zero; nothing runs yet."""
        folder.mkdir()
        port = free_port()
        self._file = folder / scripted_scaler.TARGETS
        self.address = f"dns://127.0.0.1:{name_server_port}/{SCALER}:{port}"
        self.replicas = [ScriptedScaler(self._file, certificates, host, port) for host in hosts]
        self.plan(0)

    def plan(self, target: int) -> None:
        """Have every replica plan so many from now on."""
        self._write(target)

    def stop_planning(self) -> None:
        """Have the plans of every replica grow old."""
        self._write(None)

    def _write(self, target: int | None) -> None:
        # Whole or not at all: they read it all the time.
        unfinished = self._file.with_suffix(".new")
        unfinished.write_text(json.dumps({f"{NAMESPACE}/{NAME}": target}), encoding="ascii")
        unfinished.rename(self._file)


class ScriptedScaler(ServerProcess):
    """One replica; those with the same file of targets answer alike."""

    def __init__(self, targets: Path, certificates: Path, host: str, port: int) -> None:
        """Lay it down; nothing runs before ``start``."""
        super().__init__()
        self.name = f"scaler {host}"
        self._files = [str(targets), str(certificates)]
        self._host, self._port = host, port

    def command(self) -> list[str]:
        """Run the module."""
        at = [self._host, str(self._port)]
        return [sys.executable, "-m", scripted_scaler.__name__, *self._files, *at]

    def environment(self) -> dict[str, str]:
        """Let the process find the checkout from its own folder."""
        return {**os.environ, "PYTHONPATH": str(CHECKOUT)}

    def answers(self) -> bool:
        """Say whether it listens."""
        try:
            socket.create_connection((self._host, self._port), timeout=1).close()
        except OSError:
            return False
        return True

    def get_stuck(self) -> None:
        """Have its event loop stand still, as a call that never returns would."""
        os.kill(self.pid, signal.SIGUSR1)

    def ends(self) -> int:
        """Wait until the process ends by itself, and return its exit code."""
        assert self._process is not None
        return self._process.wait(timeout=PATIENCE_SECONDS)
