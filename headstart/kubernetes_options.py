"""What ``controller`` and ``up`` are told of the cluster that they act on."""

from __future__ import annotations

import argparse
import re
import secrets
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from controller.adapters.keda.server import ScalerSettings
from controller.adapters.kubernetes.lease_rules import LeaseSettings
from headstart.alert_wiring import AlertSetting, alert_setting
from headstart.errors import UsageError, shown
from headstart.event_wiring import EventSetting, event_setting
from headstart.keda_wiring import KEDA_OPTIONS, add_keda_arguments, keda_settings
from headstart.service_options import Address, address_of, tick_of

_OWN_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
DEFAULT_NAMESPACE = "headstart-system"
DEFAULT_LEASE_SECONDS = 15.0
_NAME = r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
_LABEL = re.compile(rf"((?:[a-z0-9][-a-z0-9.]{{0,252}}/)?{_NAME})=({_NAME})")
_SHORTEST_LEASE_SECONDS, _LONGEST_LEASE_SECONDS = 3.0, 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class KubernetesSetting:
    """What a process that works on a cluster is given.

    ``kubeconfig`` None means in-cluster; ``lease`` says where the lease is, how long it lasts, and
    who this process alone is. ``agent_label``: key and value of the label of the pods without
    which nothing is restored on a node; None: they are not looked for. ``scaler`` and ``alerts``
    None: KEDA and Alertmanager are not answered; ``events`` None: nobody is told of what happens.
    """

    kubeconfig: Path | None
    lease: LeaseSettings
    listen: Address
    tick_seconds: float
    agent_label: tuple[str, str] | None = None
    scaler: ScalerSettings | None = None
    alerts: AlertSetting | None = None
    events: EventSetting | None = None
    on_listening: Callable[[int], None] | None = None


def add_kubernetes_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    group = parser.add_argument_group("the cluster")
    group.add_argument(
        "--kubernetes",
        action="store_true",
        help="act on Kubernetes: policies are PreRestorePolicy objects, not a file",
    )
    group.add_argument(
        "--kubeconfig", type=Path, metavar="FILE", help="default: what a pod is given"
    )
    group.add_argument(
        "--namespace",
        metavar="NAME",
        help=f"where the lease is kept (default: the pod's own, else {DEFAULT_NAMESPACE})",
    )
    group.add_argument(
        "--identity", metavar="NAME", help="of this controller (default: the host's name)"
    )
    group.add_argument(
        "--lease-seconds",
        type=float,
        metavar="SECONDS",
        help=f"after so long another takes over from one that died ({DEFAULT_LEASE_SECONDS:g})",
    )
    group.add_argument(
        "--agent-label",
        metavar="KEY=VALUE",
        help="of the pods that restore snapshots: a node without one that is ready is not used "
        "(default: not looked for)",
    )
    add_keda_arguments(parser)


def kubernetes_setting(arguments: argparse.Namespace) -> KubernetesSetting:
    """Return what the command line says of the cluster.

    Raises:
        UsageError: if an option can't be used.
    """
    for option in ("policy", "environment", "state"):
        if getattr(arguments, option, None) is not None:
            raise UsageError(f"--{option}: is not allowed with --kubernetes: the cluster has it")
    name = arguments.identity or socket.gethostname()
    if not 1 <= len(name) <= 100:
        raise UsageError(f"--identity: {shown(name)} is not allowed: must have 1 to 100 characters")
    return KubernetesSetting(
        kubeconfig=arguments.kubeconfig,
        lease=LeaseSettings.lasting(
            _lease_seconds(arguments.lease_seconds),
            namespace=arguments.namespace or _own_namespace(),
            # A process that was killed and came back must not take its old lease for its own.
            identity=f"{name}_{secrets.token_hex(4)}",
        ),
        listen=address_of(arguments.listen),
        tick_seconds=tick_of(arguments.tick_seconds),
        agent_label=_label(arguments.agent_label),
        scaler=keda_settings(arguments, tick_seconds=arguments.tick_seconds),
        alerts=alert_setting(arguments),
        events=event_setting(arguments),
    )


def refuse_kubernetes_options(arguments: argparse.Namespace) -> None:
    """Refuse options that mean nothing without ``--kubernetes``, and a policy that is missing.

    Raises:
        UsageError: naming the option.
    """
    own = ("kubeconfig", "namespace", "identity", "lease_seconds", "agent_label")
    for option in (*own, *KEDA_OPTIONS):
        if getattr(arguments, option) is not None:
            raise UsageError(f"--{option.replace('_', '-')}: needs --kubernetes")
    if arguments.policy is None:
        raise UsageError("--policy: missing: must be a FILE, or give --kubernetes")


def _lease_seconds(given: float | None) -> float:
    seconds = DEFAULT_LEASE_SECONDS if given is None else given
    if not _SHORTEST_LEASE_SECONDS <= seconds <= _LONGEST_LEASE_SECONDS:
        allowed = f"from {_SHORTEST_LEASE_SECONDS:g} to {_LONGEST_LEASE_SECONDS:g}"
        raise UsageError(f"--lease-seconds: {seconds:g} is not allowed: must be {allowed}")
    return seconds


def _label(given: str | None) -> tuple[str, str] | None:
    if given is None:
        return None
    found = _LABEL.fullmatch(given)
    if found is None:
        allowed = "must be KEY=VALUE, a pod's label"
        raise UsageError(f"--agent-label: {shown(given)} is not allowed: {allowed}")
    return found.group(1), found.group(3)


def _own_namespace() -> str:
    try:
        return _OWN_NAMESPACE.read_text(encoding="utf-8").strip() or DEFAULT_NAMESPACE
    except OSError:
        return DEFAULT_NAMESPACE
