"""``headstart up``: everything in one process."""

from __future__ import annotations

import argparse
from pathlib import Path

NAME = "up"
HELP = "run everything in one process: forecasts, plans and a cluster, Kubernetes or simulated"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    from headstart.alert_wiring import add_alert_arguments
    from headstart.event_wiring import add_event_arguments
    from headstart.kafka_options import add_kafka_arguments
    from headstart.kubernetes_options import add_kubernetes_arguments
    from headstart.service_options import add_service_arguments, add_source_arguments
    from headstart.told_options import add_announcement_arguments, add_told_forecast_arguments

    add_service_arguments(parser, tick_seconds=5.0, needs_policy=False)
    add_kubernetes_arguments(parser)
    add_alert_arguments(parser)
    add_source_arguments(parser)
    add_kafka_arguments(parser)
    add_announcement_arguments(parser)
    add_told_forecast_arguments(parser)
    add_event_arguments(parser)
    parser.add_argument(
        "--environment",
        type=Path,
        metavar="FILE",
        help="the cluster simulated without --kubernetes",
    )


def run(arguments: argparse.Namespace) -> int:
    """Run until SIGTERM (exit code 0) or Ctrl-C (130)."""
    from headstart.demand_sources import connections_of, demands_of
    from headstart.kubernetes_options import refuse_kubernetes_options
    from headstart.log_setup import set_up_logging
    from headstart.process import run_until_stopped
    from headstart.service_files import check_drivers, setting_of
    from headstart.wiring import run_up
    from headstart.world_files import read_world

    set_up_logging(as_json=arguments.json)
    if arguments.kubernetes:
        return _run_on_kubernetes(arguments)
    refuse_kubernetes_options(arguments)
    setting = setting_of(arguments)
    check_drivers(setting.policies)
    environment = read_world(arguments.environment)
    demands = demands_of(setting.policies, connections_of(arguments))
    return run_until_stopped(run_up(setting, demands, environment, arguments.state))


def _run_on_kubernetes(arguments: argparse.Namespace) -> int:
    from headstart.demand_sources import connections_of
    from headstart.kubernetes_cluster import cluster_kind
    from headstart.kubernetes_options import kubernetes_setting
    from headstart.kubernetes_wiring import run_kubernetes_up
    from headstart.process import run_until_stopped

    setting, connections = kubernetes_setting(arguments), connections_of(arguments)
    return run_until_stopped(run_kubernetes_up(setting, cluster_kind(), connections))
