"""The options that replay and backtest share. Light, so that --help answers at once."""

from __future__ import annotations

import argparse
from pathlib import Path

from headstart.kafka_options import add_kafka_arguments

DEFAULT_DAYS = 14.0


def add_trace_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the trace, the warm-up and where the results go."""
    parser.add_argument(
        "trace",
        nargs="?",
        type=Path,
        metavar="TRACE",
        help="timestamp,requests CSV, or a log with one line a request (CSV, JSON lines); or .gz",
    )
    recorded = parser.add_argument_group("instead of TRACE, what Prometheus has recorded")
    recorded.add_argument("--prometheus", metavar="URL", help="its address")
    recorded.add_argument("--query", metavar="PROMQL", help="one series, in requests per second")
    topic = parser.add_argument_group("instead of TRACE, the request events of a Kafka topic")
    topic.add_argument("--topic", metavar="NAME", help="its name; --kafka says where")
    topic.add_argument("--key", metavar="KEY", help="only records with this key")
    topic.add_argument("--timestamp-field", metavar="FIELD", help="event time, in JSON")
    topic.add_argument("--weight-field", metavar="FIELD", help="what an event weighs, in JSON")
    add_kafka_arguments(parser)
    parser.add_argument(
        "--days",
        type=float,
        metavar="N",
        help=f"how far back in Prometheus or Kafka, not with TRACE (default: {DEFAULT_DAYS:g})",
    )
    parser.add_argument(
        "--warmup",
        metavar="SHARE|SECONDSs",
        help="what the forecaster learns from first: 0.5, 50%%, 3600s "
        "(default: half the trace, at most two days; 600s of a trace under two hours)",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where results go")
    parser.add_argument("--json", action="store_true", help="print the summary as one JSON object")


def add_world_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the policy and the simulated world."""
    parser.add_argument("--policy", type=Path, metavar="FILE", help="a policy, as for a cluster")
    parser.add_argument("--workload", metavar="NAME", help="which policy of a file with several")
    parser.add_argument(
        "--environment", type=Path, metavar="FILE", help="the simulated world: restores, nodes"
    )
