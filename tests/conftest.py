"""Real parts as fixtures; whatever uses one is marked ``real``, and fails if it can't be had."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

import hypothesis
import pytest

from tests.kafka_sockets import name_sockets
from tests.longest import longest_first
from tests.parts.errors import RealPartError
from tests.parts.fetch import alertmanager_folder, kafka_jars, prometheus_folder
from tests.parts.kafka import KafkaBroker
from tests.parts.prometheus import PrometheusServer

StartKafka = Callable[[], KafkaBroker]
StartPrometheus = Callable[[Sequence[str]], PrometheusServer]


class Part(Protocol):
    """What is started for a test, ended after it, and asked what it said when the test fails."""

    name: str

    def start(self) -> None: ...
    def close(self) -> None: ...
    def log_tail(self) -> str: ...


Server = TypeVar("Server", bound=Part)
# The ordinary run tries the same cases each time, so that a failure is never an accident of the
# day; `make soak` looks for new ones. Examples are not timed: machines differ.
hypothesis.settings.register_profile("ordinary", derandomize=True, deadline=None)
hypothesis.settings.register_profile("soak", max_examples=5_000, deadline=None)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ordinary"))

# As the product's workers have it. Threads that wait for each other by spinning take a minute for
# a fit of two seconds when the machine has something else to do.
os.environ.setdefault("OMP_NUM_THREADS", "1")

REAL_PARTS = {
    "jars_of_kafka",
    "folder_of_prometheus",
    "folder_of_alertmanager",
    "control_plane_programs",
}
_running: list[Part] = []


@pytest.fixture(autouse=True)
def looked_through_as_before() -> Iterator[None]:
    """Look for garbage as often as before a command ran, which looks seldom."""
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)


def pytest_configure() -> None:
    """Name kafka-python's sockets, and let a SIGTERM unwind as Ctrl-C does: no server is left."""
    name_sockets()
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that need a real part, so that ``-m 'not real'`` leaves them out."""
    items[:] = longest_first(items)
    for item in items:
        if _needs_real_part(item):
            item.add_marker(pytest.mark.real)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show with the failure of a test what its servers said last."""
    report = yield
    if report.failed and _needs_real_part(item):
        report.sections += [(f"{server.name} log", server.log_tail()) for server in _running]
    return report


@pytest.fixture(scope="session")
def jars_of_kafka() -> Path:
    """The jars of a Kafka broker."""
    with failing_in_words():
        return kafka_jars()


@pytest.fixture(scope="session")
def folder_of_prometheus() -> Path:
    """The folder with Prometheus's programs."""
    with failing_in_words():
        return prometheus_folder()


@pytest.fixture(scope="session")
def folder_of_alertmanager() -> Path:
    """The folder with Alertmanager's programs."""
    with failing_in_words():
        return alertmanager_folder()


@pytest.fixture(scope="session")
def kafka_broker(jars_of_kafka: Path) -> Iterator[KafkaBroker]:
    """One broker for all tests that only read and write topics of their own."""
    with contextlib.ExitStack() as stack:
        yield started(KafkaBroker(jars=jars_of_kafka), stack)


@pytest.fixture(scope="session")
def prometheus_server(folder_of_prometheus: Path) -> Iterator[PrometheusServer]:
    """One server without targets, for tests that only ask; history needs a server of its own."""
    with contextlib.ExitStack() as stack:
        yield started(PrometheusServer(binaries=folder_of_prometheus), stack)


@pytest.fixture
def start_kafka(jars_of_kafka: Path) -> Iterator[StartKafka]:
    """Start brokers that the test may kill, freeze and restart."""
    with contextlib.ExitStack() as stack:
        yield lambda: started(KafkaBroker(jars=jars_of_kafka), stack)


@pytest.fixture
def start_prometheus(folder_of_prometheus: Path) -> Iterator[StartPrometheus]:
    """Start servers with the given ``host:port`` targets, to kill, freeze and restart."""
    with contextlib.ExitStack() as stack:
        yield lambda targets: started(
            PrometheusServer(targets, binaries=folder_of_prometheus), stack
        )


def started(server: Server, stack: contextlib.ExitStack) -> Server:
    """Start a server that the stack closes, and whose log is shown with a failure."""
    _running.append(server)
    stack.callback(_running.remove, server)
    stack.callback(server.close)

    def say(kind: type[BaseException] | None, *_: object) -> None:
        # One that ends with the test's own stack is gone when the report is made.
        if kind is not None:
            sys.stderr.write(f"-- {server.name} said last\n{server.log_tail()}\n")

    stack.push(say)
    with failing_in_words():
        server.start()
    return server


def _needs_real_part(item: pytest.Item) -> bool:
    return bool(REAL_PARTS & set(getattr(item, "fixturenames", ())))


@contextlib.contextmanager
def failing_in_words() -> Iterator[None]:
    """Turn a part's error into a failure of the test, without a traceback."""
    try:
        yield
    except RealPartError as error:
        pytest.fail(str(error), pytrace=False)
