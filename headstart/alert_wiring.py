"""Alertmanager's webhook as a part of a process: its options, and the intake behind the route."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import CollectorRegistry
from starlette.routing import Route

from controller.adapters.alertmanager import (
    AlertIntake,
    IntakeSettings,
    TokenSource,
    token_of_file,
    token_of_text,
)
from controller.adapters.boost_memory import BoostMemory
from controller.boosts import Boost, BoostLimits
from headstart.alert_metrics import show_alerts
from headstart.errors import UsageError
from headstart.loop_pause import LoopPause
from models.forecast import WorkloadName

#: Holds the token where no file does.
TOKEN_VARIABLE = "HEADSTART_ALERTS_TOKEN"  # the name, not a secret
_DEFAULTS = BoostLimits()


def add_alert_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    group = parser.add_argument_group(
        f"alerts that boost a policy (off unless there is a token, here or in {TOKEN_VARIABLE})"
    )
    group.add_argument(
        "--alerts-token-file", type=Path, metavar="FILE", help="what Alertmanager must show"
    )
    group.add_argument(
        "--boost-most-replicas",
        type=float,
        default=_DEFAULTS.most_replicas,
        metavar="NUMBER",
        help="whatever an alert asks for (default: %(default)g)",
    )
    group.add_argument(
        "--boost-most-multiplier",
        type=float,
        default=_DEFAULTS.most_multiplier,
        metavar="NUMBER",
        help="whatever an alert asks for (default: %(default)g)",
    )
    group.add_argument(
        "--boost-seconds",
        type=float,
        default=_DEFAULTS.lasts_seconds,
        metavar="SECONDS",
        help="after which a boost ends unless its alert is repeated (default: %(default)g)",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertSetting:
    """Who may send alerts, and what they may do."""

    token: TokenSource
    limits: BoostLimits


def alert_setting(arguments: argparse.Namespace) -> AlertSetting | None:
    """Return how alerts are taken, None if nobody could send any: there is no token.

    Raises:
        UsageError: if an option can't be used.
    """
    limits = BoostLimits(
        most_replicas=_within("boost_most_replicas", arguments.boost_most_replicas, 0.0, 1000.0),
        most_multiplier=_within(
            "boost_most_multiplier", arguments.boost_most_multiplier, 1.0, 100.0
        ),
        lasts_seconds=_within("boost_seconds", arguments.boost_seconds, 1.0, 86_400.0),
    )
    token = _token(arguments)
    return None if token is None else AlertSetting(token=token, limits=limits)


class AlertsIn:
    """The part of a process that takes alerts, and has a plan made of them at once.

    Without a setting there is no route, no boost, and no pause is cut short.
    """

    def __init__(
        self,
        setting: AlertSetting | None,
        workloads: Callable[[], Collection[WorkloadName] | None],
        registry: CollectorRegistry,
        memory: Callable[[Callable[[], None]], BoostMemory],
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Take alerts for the workloads that there are, and show in the registry what came.

        ``memory`` is given what it is to call when boosts have changed.
        """
        self._pause = LoopPause()
        self._intake: AlertIntake | None = None
        if setting is not None:
            settings, kept = IntakeSettings(limits=setting.limits), memory(self._pause.cut_short)
            self._intake = AlertIntake(workloads, setting.token, clock, settings, kept)
            show_alerts(registry, self._intake, clock)

    def routes(self) -> Sequence[Route]:
        """Return the routes that alerts come in by."""
        return () if self._intake is None else self._intake.routes()

    def in_force(self, now: float) -> Mapping[WorkloadName, Boost]:
        """Return the boosts in force at ``now`` (seconds since the epoch)."""
        return {} if self._intake is None else self._intake.in_force(now)

    def cut_short(self) -> None:
        """End the loop's pause for other news."""
        self._pause.cut_short()

    async def wait(self, seconds: float) -> None:
        """Wait as the loop does between ticks: until an alert changes what is to be planned."""
        await self._pause.wait(seconds)


def _token(arguments: argparse.Namespace) -> TokenSource | None:
    if arguments.alerts_token_file is not None:
        # Not read yet: as deployed, its Secret is optional and may come later.
        return token_of_file(arguments.alerts_token_file)
    text = os.environ.get(TOKEN_VARIABLE, "").strip()
    return token_of_text(text) if text else None


def _within(option: str, value: float, least: float, most: float) -> float:
    if not least <= value <= most:
        flag = f"--{option.replace('_', '-')}"
        raise UsageError(f"{flag}: {value:g} is not allowed: must be from {least:g} to {most:g}")
    return value
