"""From a service's command line to what it is given; whatever is wrong is said before it starts."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from dataclasses import replace
from urllib.parse import urlsplit

from controller.policy import Mode, WorkloadPolicy
from controller.policy_file import read_policies
from headstart.alert_wiring import alert_setting
from headstart.errors import UsageError, shown
from headstart.event_wiring import event_setting
from headstart.service_options import address_of, tick_of
from headstart.wiring import Setting
from models.forecast import WorkloadName

SIMULATED = "Simulated"


def setting_of(arguments: argparse.Namespace) -> Setting:
    """Read the policies and the options that all services share.

    Raises:
        UsageError: if an option can't be used.
        InvalidFileError: if a policy is wrong.
    """
    return Setting(
        policies=_policies(arguments),
        listen=address_of(arguments.listen),
        tick_seconds=tick_of(arguments.tick_seconds),
        alerts=alert_setting(arguments) if hasattr(arguments, "alerts_token_file") else None,
        events=event_setting(arguments) if hasattr(arguments, "events_topic") else None,
    )


def _policies(arguments: argparse.Namespace) -> tuple[WorkloadPolicy, ...]:
    policies = read_policies(arguments.policy)
    if not getattr(arguments, "qualified_names", False):
        return policies
    return tuple(
        replace(one, workload=WorkloadName(f"{one.namespace}/{one.workload}")) for one in policies
    )


def check_drivers(policies: Iterable[WorkloadPolicy]) -> None:
    """Refuse to act with a driver that is not there: the embedded cluster only simulates.

    Raises:
        UsageError: naming the policy.
    """
    for policy in policies:
        if policy.mode is Mode.ACT and policy.restore.driver != SIMULATED:
            raise UsageError(
                f"{policy.workload}: spec.restore.driver: {shown(policy.restore.driver)} can't "
                f"act here: must be {SIMULATED}, or spec.mode Observe or Recommend"
            )


def http_url(text: str, *, option: str) -> str:
    """Return an HTTP address.

    Raises:
        UsageError: if it is none.
    """
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f"{option}: {shown(text)} is not allowed: must begin with http(s)://HOST")
    return text
