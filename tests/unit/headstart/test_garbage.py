from __future__ import annotations

import gc

import pytest

from headstart.__main__ import main


class Knot:
    """Something that refers to itself: it goes when cycles are looked for, and no sooner."""

    def __init__(self) -> None:
        self.itself = self


@pytest.mark.usefixtures("capsys")
def test_a_command_looks_for_cycles_seldom_and_yet_finds_them() -> None:
    assert main(["check", "no-such-file.yaml"]) == 2
    gc.collect()
    kept = [[number] for number in range(20_000)]
    assert gc.get_count()[0] >= 20_000
    knots = 200_000
    for _ in range(knots):
        Knot()
    left = len([one for one in gc.get_objects() if isinstance(one, Knot)])
    assert left < knots / 2
    del kept
