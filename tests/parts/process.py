"""A server process of ours: started, waited for, frozen, killed, and always ended by its pid."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from tests.parts.errors import RealPartError

READY_SECONDS = 120.0  # A start takes 0.1 to 6 s; the rest is for a crowded machine.
STOP_SECONDS = 60.0
POLL_SECONDS = 0.05


class ServerProcess:
    """One server on 127.0.0.1 with a folder of its own; a context manager.

    Subclasses say how it is set up, what runs, and when it answers. Every method may be called
    in any state: killing a dead server or thawing a running one does nothing.
    """

    name = "server"

    def __init__(self) -> None:
        """Take a temporary folder; nothing runs before ``start``."""
        self.folder = Path(tempfile.mkdtemp(prefix="headstart-part-"))
        self._process: subprocess.Popen[bytes] | None = None

    def command(self) -> Sequence[str]:
        """Return what to run."""
        raise NotImplementedError

    def answers(self) -> bool:
        """Say whether the server is ready, asked while its process is alive."""
        raise NotImplementedError

    def environment(self) -> Mapping[str, str] | None:
        """Return the process's environment; None for ours."""
        return None

    @property
    def log_file(self) -> Path:
        """Where everything that the server says is kept, over all its starts."""
        return self.folder / "log.txt"

    @property
    def is_alive(self) -> bool:
        """Say whether the process exists; a frozen one does."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The process id of the newest start."""
        if self._process is None:
            raise RealPartError(f"{self.name}: was never started")
        return self._process.pid

    def start(self) -> None:
        """Start and return once the server answers.

        Raises:
            RealPartError: with the log's tail, if it ended or did not answer in time.
        """
        if self.is_alive:
            return
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                list(self.command()),
                cwd=self.folder,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # A Ctrl-C in the terminal is for the tests, which then end this process.
                start_new_session=True,
            )
        try:
            self._wait_until_ready()
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """End the process politely (SIGTERM), and with SIGKILL if it does not obey."""
        if self._process is None:
            return
        self.thaw()
        self._process.terminate()
        try:
            self._process.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End the process at once (SIGKILL), as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(timeout=STOP_SECONDS)

    def restart(self) -> None:
        """Start again on the same port and data, whether stopped, killed or still running."""
        self.stop()
        self.start()

    def freeze(self) -> None:
        """Stop the process without ending it (SIGSTOP): its port is open and silent."""
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)
            # The signal is on its way, and until it has come to every thread one may answer.
            os.waitpid(self._process.pid, os.WUNTRACED)

    def thaw(self) -> None:
        """Let a frozen process go on (SIGCONT)."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)

    def log_tail(self, lines: int = 25) -> str:
        """Return the last lines of what the server said."""
        if not self.log_file.exists():
            return "(no log)"
        text = self.log_file.read_text(encoding="utf-8", errors="replace")
        return "\n".join(text.splitlines()[-lines:])

    def close(self) -> None:
        """End the process and remove its folder."""
        try:
            self.stop()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        """Start it."""
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            if not self.is_alive:
                assert self._process is not None
                raise self._failed(f"ended with {self._process.returncode} while starting")
            if self.answers():
                return
            time.sleep(POLL_SECONDS)
        raise self._failed(f"did not answer within {READY_SECONDS:.0f} s")

    def _failed(self, what: str) -> RealPartError:
        return RealPartError(f"{self.name}: {what}; its log ends with\n{self.log_tail()}")
