"""KEDA's scaler as a part of a process: its options, and the coroutine that serves it."""

from __future__ import annotations

import argparse
import ipaddress
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any

from controller.adapters.keda.credentials import TlsFiles
from controller.adapters.keda.server import (
    PlanSource,
    ScalerListenError,
    ScalerSettings,
    serve_scaler,
)
from controller.policy import WorkloadPolicy
from headstart.errors import RunFailedError, UsageError, shown
from headstart.service_options import address_of
from models.forecast import WorkloadName

#: A plan is good for so many ticks: one may be late, several in a row mean that something is wrong.
STALE_TICKS = 6
_TLS_OPTIONS = ("keda_certificate", "keda_key", "keda_client_ca")
#: All of them, as they are called once parsed.
KEDA_OPTIONS = ("keda_listen", *_TLS_OPTIONS)


def add_keda_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    group = parser.add_argument_group("KEDA's external scaler (off unless told where to listen)")
    group.add_argument(
        "--keda-listen", metavar="HOST:PORT", help="where KEDA asks; scalerAddress names it"
    )
    group.add_argument(
        "--keda-certificate", type=Path, metavar="FILE", help="of the scaler; names HOST (PEM)"
    )
    group.add_argument("--keda-key", type=Path, metavar="FILE", help="of the certificate (PEM)")
    group.add_argument(
        "--keda-client-ca",
        type=Path,
        metavar="FILE",
        help="who signs KEDA's certificate; nobody without one is answered (PEM)",
    )


def keda_settings(arguments: argparse.Namespace, *, tick_seconds: float) -> ScalerSettings | None:
    """Return how the scaler is to be served, None if it is not to be.

    Raises:
        UsageError: if an option can't be used.
    """
    given = [option for option in _TLS_OPTIONS if getattr(arguments, option) is not None]
    if arguments.keda_listen is None:
        if given:
            raise UsageError(f"{_flag(given[0])}: needs --keda-listen")
        return None
    address = address_of(arguments.keda_listen, option="--keda-listen")
    missing = [option for option in _TLS_OPTIONS if option not in given]
    if given and missing:
        raise UsageError(f"{_flag(missing[0])}: missing: {_flag(given[0])} needs it")
    if not given and not _is_loopback(address.host):
        raise UsageError(
            f"--keda-listen: {shown(address.host)} is not allowed without "
            f"{_flag(_TLS_OPTIONS[0])}: must be 127.0.0.1 or ::1"
        )
    return ScalerSettings(
        host=address.host,
        port=address.port,
        tls=_tls(arguments) if given else None,
        stale_after_seconds=STALE_TICKS * tick_seconds,
    )


def keda_parts(
    settings: ScalerSettings | None,
    source: PlanSource,
    policies: Callable[[], Mapping[WorkloadName, WorkloadPolicy]],
    clock: Callable[[], float],
) -> Sequence[Coroutine[Any, Any, None]]:
    """Return what is to run so that KEDA is answered, nothing if it is not to be."""
    return () if settings is None else (_serving(settings, source, policies, clock),)


async def _serving(
    settings: ScalerSettings,
    source: PlanSource,
    policies: Callable[[], Mapping[WorkloadName, WorkloadPolicy]],
    clock: Callable[[], float],
) -> None:
    """Serve the scaler until cancelled.

    Raises:
        RunFailedError: if the address or a certificate can't be had.
    """
    try:
        await serve_scaler(source, policies, settings, clock)
    except ScalerListenError as error:
        raise RunFailedError(f"--keda-listen: {error}") from error


def _tls(arguments: argparse.Namespace) -> TlsFiles:
    return TlsFiles(
        certificate=arguments.keda_certificate,
        key=arguments.keda_key,
        client_ca=arguments.keda_client_ca,
    )


def _flag(option: str) -> str:
    return f"--{option.replace('_', '-')}"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
