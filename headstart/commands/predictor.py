"""``headstart predictor``: the forecasting service alone."""

from __future__ import annotations

import argparse

NAME = "predictor"
HELP = "run the forecasting service alone"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    from headstart.forecast_options import add_shard_arguments
    from headstart.kafka_options import add_kafka_arguments
    from headstart.service_options import add_service_arguments, add_source_arguments
    from headstart.told_options import add_announcement_arguments, add_told_forecast_arguments

    add_service_arguments(parser, tick_seconds=2.0)
    parser.add_argument(
        "--qualified-names",
        action="store_true",
        help="name workloads NAMESPACE/NAME, as `controller --kubernetes` does (a policy without "
        "metadata.namespace is of `default`)",
    )
    add_source_arguments(parser)
    add_kafka_arguments(parser)
    add_announcement_arguments(parser)
    add_told_forecast_arguments(parser)
    add_shard_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run until SIGTERM (exit code 0) or Ctrl-C (130)."""
    from headstart.demand_sources import connections_of, demands_of
    from headstart.forecast_options import shard_setting
    from headstart.log_setup import set_up_logging
    from headstart.process import run_until_stopped
    from headstart.service_files import setting_of
    from headstart.sharded_wiring import run_sharded_predictor
    from headstart.wiring import run_predictor

    set_up_logging(as_json=arguments.json)
    setting, shard = setting_of(arguments), shard_setting(arguments)
    connections = connections_of(arguments)
    if shard is not None:
        running = run_sharded_predictor(setting, shard, connections, arguments.state)
        return run_until_stopped(running)
    demands = demands_of(setting.policies, connections)
    return run_until_stopped(run_predictor(setting, demands, arguments.state))
