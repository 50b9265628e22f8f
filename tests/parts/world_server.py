"""A simulated cluster that outlives the controllers that work on it, as a real one does.

It lives in the test's process; a controller reaches it over a socket of 127.0.0.1, and may be
killed at any point.
"""

from __future__ import annotations

import contextlib
import threading
import time
from multiprocessing.connection import Client, Connection, Listener
from types import TracebackType
from typing import Any, Self

from controller.actions import Action
from controller.environment import Environment
from controller.errors import ActionRefusedError, ClusterUnavailableError
from controller.simulation import SimulatedWorld
from controller.simulation_records import ReplicaRecord

KEY = b"of the tests alone"


class WorldServer:
    """Answers ``observe`` and actions; ``records`` says what became of every replica."""

    def __init__(self, environment: Environment) -> None:
        """Begin with empty nodes."""
        self._world = SimulatedWorld(environment, time.time())
        self._lock = threading.Lock()
        self._listener = Listener(("127.0.0.1", 0), authkey=KEY)
        self._is_over = False
        self._threads = [threading.Thread(target=self._accept, name="world")]
        self.acted: list[Action] = []

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._listener.address[1])

    def records(self) -> tuple[ReplicaRecord, ...]:
        """Return one row for every replica ever started, as of now."""
        with self._lock:
            self._world.advance(max(self._world.now, time.time()))
            return self._world.records()

    def __enter__(self) -> Self:
        """Begin to answer."""
        self._threads[0].start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End, and every thread with it."""
        self._is_over = True
        with contextlib.suppress(OSError, EOFError):
            Client(("127.0.0.1", self.port), authkey=KEY).close()
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _accept(self) -> None:
        while not self._is_over:
            try:
                connection = self._listener.accept()
            except (OSError, EOFError):
                continue  # whoever asked was killed in the midst of it
            thread = threading.Thread(target=self._answer_all, args=(connection,), name="world")
            self._threads.append(thread)
            thread.start()

    def _answer_all(self, connection: Connection) -> None:
        with connection, contextlib.suppress(OSError, EOFError):
            while True:
                connection.send(self._answer(connection.recv()))

    def _answer(self, action: Action | None) -> Any:
        with self._lock:
            self._world.advance(max(self._world.now, time.time()))
            if action is None:
                return self._world.fleet()
            try:
                self._world.apply(action)
            except ActionRefusedError as error:
                return str(error)
            self.acted.append(action)
            return None


class DistantCluster:
    """The world behind the cluster's port, as a controller in another process sees it."""

    def __init__(self, port: int) -> None:
        """Connect."""
        self._connection = Client(("127.0.0.1", port), authkey=KEY)

    async def observe(self) -> Any:
        """Return what exists now."""
        return self._ask(None)

    async def act(self, action: Action) -> None:
        """Carry out one action."""
        if (refusal := self._ask(action)) is not None:
            raise ActionRefusedError(refusal)

    def _ask(self, action: Action | None) -> Any:
        try:
            self._connection.send(action)
            return self._connection.recv()
        except (OSError, EOFError) as error:
            raise ClusterUnavailableError("the world has ended") from error
