"""What the first view of a cluster left is passed over by the garbage collector from then on."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from types import MappingProxyType

import pytest

from controller.tick_report import TickReport
from headstart.settled_memory import SettledMemory
from tests.builders import a_fleet


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    yield
    gc.unfreeze()


def test_memory_settles_once_with_the_first_view() -> None:
    memory = SettledMemory()
    gc.unfreeze()
    memory.observe(TickReport(now=0.0, fleet=None, modes=MappingProxyType({}), trouble="down"))
    assert gc.get_freeze_count() == 0
    memory.observe(TickReport(now=5.0, fleet=a_fleet(), modes=MappingProxyType({})))
    settled = gc.get_freeze_count()
    assert settled > 0
    later = [[number] for number in range(1000)]
    memory.observe(TickReport(now=10.0, fleet=a_fleet(), modes=MappingProxyType({})))
    assert gc.get_freeze_count() <= settled
    del later
