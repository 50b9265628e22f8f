"""Ports that tests give their servers."""

from __future__ import annotations

import secrets
import subprocess
import sys
from pathlib import Path

import pytest

from tests.parts.ports import free_port

CHECKOUT = Path(__file__).parents[3]
ASK_AND_STAY = """
import sys
from tests.parts.ports import free_port
print(free_port(), flush=True)
sys.stdin.read()
"""


def test_no_port_is_given_twice() -> None:
    ports = [free_port() for _ in range(50)]
    assert len(set(ports)) == 50


def test_a_port_that_another_process_was_given_is_not_given_here(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", ASK_AND_STAY],
        cwd=CHECKOUT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None
        theirs = int(other.stdout.readline())
        drawn = iter([theirs, theirs, theirs + 1, theirs + 2, theirs + 3])
        # Ports are drawn as so many above 10,000.
        monkeypatch.setattr(secrets, "randbelow", lambda _: next(drawn) - 10_000)
        assert free_port() > theirs
        other.communicate("")
    drawn = iter([theirs])
    assert free_port() == theirs
