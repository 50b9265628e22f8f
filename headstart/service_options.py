"""What ``up``, ``predictor`` and ``controller`` are told on the command line."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

from headstart.errors import UsageError, shown

DEFAULT_LISTEN = "127.0.0.1:8080"
_PORTS = 65535


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where to listen."""

    host: str
    port: int


def add_service_arguments(
    parser: argparse.ArgumentParser, *, tick_seconds: float, needs_policy: bool = True
) -> None:
    """Declare what every service has; ``needs_policy`` False where they may be elsewhere."""
    parser.add_argument(
        "--policy", type=Path, required=needs_policy, metavar="FILE", help="the policies (YAML)"
    )
    parser.add_argument(
        "--listen",
        default=DEFAULT_LISTEN,
        metavar="HOST:PORT",
        help="where plans, forecasts, health and metrics are served (default: %(default)s)",
    )
    parser.add_argument(
        "--tick-seconds",
        type=float,
        default=tick_seconds,
        metavar="SECONDS",
        help="how often to look and plan anew (default: %(default)g)",
    )
    parser.add_argument("--json", action="store_true", help="log as JSON lines")
    parser.add_argument(
        "--state",
        type=Path,
        metavar="FILE",
        help="keeps demand, measured starts and what was learned over restarts (SQLite)",
    )


def add_source_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare where demand is measured."""
    group = parser.add_argument_group("where demand is measured")
    group.add_argument("--prometheus", metavar="URL", help="for policies with demand.prometheus")
    group.add_argument("--prometheus-token-file", type=Path, metavar="FILE", help="bearer token")
    group.add_argument("--prometheus-ca-file", type=Path, metavar="FILE", help="trusted CA")


def address_of(text: str, *, option: str = "--listen") -> Address:
    """Return where to listen.

    Raises:
        UsageError: if the text is no address.
    """
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not (port.isascii() and port.isdigit()) or int(port) > _PORTS:
        raise UsageError(
            f"{option}: {shown(text)} is not allowed: must be HOST:PORT, like {DEFAULT_LISTEN}"
        )
    return Address(host=host, port=int(port))


def tick_of(seconds: float) -> float:
    """Return the tick.

    Raises:
        UsageError: if it is not a time that a loop can keep.
    """
    if not 0.1 <= seconds <= 3600:
        raise UsageError(f"--tick-seconds: {seconds:g} is not allowed: must be from 0.1 to 3600")
    return seconds
