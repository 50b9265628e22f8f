"""Which files of tests are begun first."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.longest import LONGEST, TESTS, longest_first


@dataclass(frozen=True)
class Item:
    """Of a test only its file."""

    path: Path


def test_every_long_file_is_there() -> None:
    assert [name for name in LONGEST if not (TESTS / name).is_file()] == []
    assert len(set(LONGEST)) == len(LONGEST)


def test_long_files_come_first_and_all_else_keeps_its_order() -> None:
    items = [Item(TESTS / name) for name in ("unit/b.py", LONGEST[1], "unit/a.py", LONGEST[0])]
    assert [item.path for item in longest_first(items)] == [
        TESTS / LONGEST[0],
        TESTS / LONGEST[1],
        TESTS / "unit/b.py",
        TESTS / "unit/a.py",
    ]
