from __future__ import annotations

import argparse
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from controller.adapters.boost_memory import LocalBoosts
from headstart.alert_wiring import (
    TOKEN_VARIABLE,
    AlertsIn,
    add_alert_arguments,
    alert_setting,
)
from headstart.errors import UsageError


def alerts_of(*options: str) -> AlertsIn:
    parser = argparse.ArgumentParser()
    add_alert_arguments(parser)
    setting = alert_setting(parser.parse_args(options))
    return AlertsIn(setting, tuple, CollectorRegistry(), LocalBoosts)


def test_no_alert_is_taken_without_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)
    assert alerts_of().routes() == ()
    assert alerts_of().in_force(0.0) == {}
    monkeypatch.setenv(TOKEN_VARIABLE, " ")
    assert alerts_of().routes() == ()


def test_a_token_opens_the_route(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)
    from_file = alerts_of("--alerts-token-file", str(tmp_path / "token"))
    monkeypatch.setenv(TOKEN_VARIABLE, "s3cret")
    from_environment = alerts_of()
    for alerts in (from_file, from_environment):
        assert [route.path for route in alerts.routes()] == ["/v1/alerts"]
        assert alerts.in_force(0.0) == {}


def test_a_token_s_file_may_come_after_the_start(tmp_path: Path) -> None:
    [route] = alerts_of("--alerts-token-file", str(tmp_path / "not-mounted-yet")).routes()
    assert route.path == "/v1/alerts"


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
        alerts_of(*options)
    assert str(error.value) == line
