from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from controller.adapters.keda.credentials import TlsFiles
from controller.adapters.keda.server import ScalerSettings
from headstart.errors import UsageError
from headstart.keda_wiring import add_keda_arguments, keda_settings

TLS = ("--keda-certificate", "c.pem", "--keda-key", "k.pem", "--keda-client-ca", "ca.pem")


def settings_of(*options: str) -> ScalerSettings | None:
    parser = argparse.ArgumentParser()
    add_keda_arguments(parser)
    return keda_settings(parser.parse_args(options), tick_seconds=5.0)


def test_the_scaler_is_off_unless_told_where_to_listen() -> None:
    assert settings_of() is None


def test_the_scaler_listens_with_mutual_tls() -> None:
    assert settings_of("--keda-listen", "0.0.0.0:9443", *TLS) == ScalerSettings(
        host="0.0.0.0",
        port=9443,
        tls=TlsFiles(certificate=Path("c.pem"), key=Path("k.pem"), client_ca=Path("ca.pem")),
        stale_after_seconds=30.0,
    )


@pytest.mark.parametrize("address", ["127.0.0.1:9443", "[::1]:9443", "localhost:0"])
def test_without_tls_it_listens_on_this_machine_alone(address: str) -> None:
    settings = settings_of("--keda-listen", address)
    assert settings is not None
    assert settings.tls is None


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (
            ("--keda-listen", "0.0.0.0:9443"),
            "--keda-listen: '0.0.0.0' is not allowed without --keda-certificate: "
            "must be 127.0.0.1 or ::1",
        ),
        (
            ("--keda-listen", "here"),
            "--keda-listen: 'here' is not allowed: must be HOST:PORT, like 127.0.0.1:8080",
        ),
        (TLS, "--keda-certificate: needs --keda-listen"),
        (
            ("--keda-listen", "0.0.0.0:9443", *TLS[:4]),
            "--keda-client-ca: missing: --keda-certificate needs it",
        ),
    ],
)
def test_what_can_t_be_served_is_said_in_one_line(options: tuple[str, ...], line: str) -> None:
    with pytest.raises(UsageError) as error:
        settings_of(*options)
    assert str(error.value) == line
