from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from controller.adapters.alertmanager import AlertIntake
from headstart.alert_wiring import (
    TOKEN_VARIABLE,
    add_alert_arguments,
    alert_intake,
    alert_setting,
    boosts_of,
)
from headstart.errors import UsageError


def intake_of(*options: str) -> AlertIntake | None:
    parser = argparse.ArgumentParser()
    add_alert_arguments(parser)
    return alert_intake(alert_setting(parser.parse_args(options)), tuple)


def test_no_alert_is_taken_without_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)
    assert intake_of() is None
    assert boosts_of(None)(0.0) == {}
    monkeypatch.setenv(TOKEN_VARIABLE, " ")
    assert intake_of() is None


def test_a_token_opens_the_route(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)
    from_file = intake_of("--alerts-token-file", str(tmp_path / "token"))
    monkeypatch.setenv(TOKEN_VARIABLE, "s3cret")
    from_environment = intake_of()
    for intake in (from_file, from_environment):
        assert intake is not None
        assert [route.path for route in intake.routes()] == ["/v1/alerts"]


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (
            ("--boost-most-replicas", "-1"),
            "--boost-most-replicas: -1 is not allowed: must be from 0 to 1000",
        ),
        (
            ("--boost-most-multiplier", "nan"),
            "--boost-most-multiplier: nan is not allowed: must be from 1 to 100",
        ),
        (
            ("--boost-seconds", "0"),
            "--boost-seconds: 0 is not allowed: must be from 1 to 86400",
        ),
    ],
)
def test_a_limit_out_of_range_is_said_in_one_line(options: tuple[str, ...], line: str) -> None:
    with pytest.raises(UsageError) as error:
        intake_of(*options)
    assert str(error.value) == line
