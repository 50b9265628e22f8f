"""``headstart controller``: the controller alone, following a predictor."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from headstart.forecast_options import TopicSetting

NAME = "controller"
HELP = "run the controller alone, following a predictor"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    from headstart.alert_wiring import add_alert_arguments
    from headstart.event_wiring import add_event_arguments
    from headstart.forecast_options import add_outlook_arguments
    from headstart.kafka_options import add_kafka_arguments
    from headstart.kubernetes_options import add_kubernetes_arguments
    from headstart.service_options import add_service_arguments

    add_service_arguments(parser, tick_seconds=5.0, needs_policy=False)
    add_outlook_arguments(parser)
    add_kubernetes_arguments(parser)
    add_kafka_arguments(parser)
    add_event_arguments(parser)
    add_alert_arguments(parser)
    parser.add_argument(
        "--environment",
        type=Path,
        metavar="FILE",
        help="the cluster simulated without --kubernetes",
    )


def run(arguments: argparse.Namespace) -> int:
    """Run until SIGTERM (exit code 0) or Ctrl-C (130)."""
    from headstart.kubernetes_options import refuse_kubernetes_options
    from headstart.log_setup import set_up_logging
    from headstart.process import run_until_stopped
    from headstart.service_files import check_drivers, setting_of
    from headstart.wiring import run_controller
    from headstart.world_files import read_world

    set_up_logging(as_json=arguments.json)
    source = _source(arguments)
    if arguments.kubernetes:
        return _run_on_kubernetes(arguments, source)
    refuse_kubernetes_options(arguments)
    setting = setting_of(arguments)
    check_drivers(setting.policies)
    environment = read_world(arguments.environment)
    return run_until_stopped(run_controller(setting, source, environment, arguments.state))


def _source(arguments: argparse.Namespace) -> str | TopicSetting:
    """Return a predictor's URL, or the topic."""
    from headstart.forecast_options import topic_setting
    from headstart.service_files import http_url

    if arguments.predictor is not None:
        return http_url(arguments.predictor, option="--predictor")
    return topic_setting(arguments)


def _run_on_kubernetes(arguments: argparse.Namespace, source: str | TopicSetting) -> int:
    from headstart.kubernetes_cluster import cluster_kind
    from headstart.kubernetes_options import kubernetes_setting
    from headstart.kubernetes_wiring import run_kubernetes_controller
    from headstart.process import run_until_stopped

    setting = kubernetes_setting(arguments)
    return run_until_stopped(run_kubernetes_controller(setting, cluster_kind(), source))
