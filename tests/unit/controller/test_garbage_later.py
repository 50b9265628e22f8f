"""No search for cycles in the midst of a tick, and all as before after it."""

from __future__ import annotations

import gc

import pytest

from controller.garbage_later import garbage_later


class Cycle:
    """Something that only a search for cycles frees."""

    def __init__(self) -> None:
        self.itself = self


def test_nothing_is_searched_for_until_the_end() -> None:
    found: list[str] = []
    gc.callbacks.append(lambda phase, info: found.append(phase))
    try:
        with garbage_later():
            cycles = [Cycle() for _ in range(2 * gc.get_threshold()[0])]
            assert found == []
            del cycles
        _ = [Cycle() for _ in range(2 * gc.get_threshold()[0])]
        assert "start" in found
    finally:
        gc.callbacks.pop()


def test_an_error_leaves_it_as_it_was() -> None:
    with pytest.raises(ZeroDivisionError), garbage_later():
        _ = 1 / 0
    assert gc.isenabled()


def test_where_it_was_off_it_stays_off() -> None:
    gc.disable()
    try:
        with garbage_later():
            assert not gc.isenabled()
        assert not gc.isenabled()
    finally:
        gc.enable()
