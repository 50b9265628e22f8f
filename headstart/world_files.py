"""What replay and backtest are given on the command line: trace, policy, environment."""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from controller.environment import Environment
from controller.policy import Mode, Restore, WorkloadPolicy
from headstart.errors import InvalidTraceError, UsageError
from headstart.kafka_options import kafka_connection
from headstart.peak_check import check_peak
from headstart.scenario import Scenario
from headstart.trace_arguments import DEFAULT_DAYS
from headstart.traces import Trace, default_capacity, default_warmup, parse_warmup, read_trace
from models.forecast import WorkloadName

#: In less than this nothing can be told of a policy.
_SHORTEST_SECONDS = 60.0
#: What a file leaves no use for, and what it is for.
_OF_RECORDINGS = {
    "days": "only with --prometheus or --kafka",
    "query": "only with --prometheus",
    "topic": "only with --kafka",
    "key": "only with --kafka",
    "timestamp_field": "only with --kafka",
    "weight_field": "only with --kafka",
}


def trace_and_warmup(arguments: argparse.Namespace) -> tuple[Trace, float]:
    """Read the trace, and say how many seconds of it are warm-up.

    Raises:
        HeadstartError: if either can't be used.
    """
    trace = _trace(arguments)
    given = arguments.warmup
    warmup_seconds = default_warmup(trace) if given is None else parse_warmup(given, trace)
    left = trace.duration_seconds - warmup_seconds
    if left < _SHORTEST_SECONDS:
        raise UsageError(
            f"{trace.name}: {left:g} s are left after the warm-up of {warmup_seconds:g} s: "
            f"at least {_SHORTEST_SECONDS:g} s are needed to judge"
        )
    if not np.nanmax(trace.requests, initial=0.0) > 0:
        raise InvalidTraceError(f"{trace.name}: no request at all: there is nothing to judge")
    return trace, warmup_seconds


def scenario_of(arguments: argparse.Namespace) -> tuple[Trace, Scenario]:
    """Read all that a replay is given.

    Raises:
        HeadstartError: if the trace or an option can't be used.
        InvalidFileError: if the policy or the environment is wrong.
    """
    trace, warmup_seconds = trace_and_warmup(arguments)
    environment = read_world(arguments.environment)
    policy = _policy(arguments, trace, environment)
    check_fit(policy, environment)
    check_peak(trace, policy, is_assumed=arguments.policy is None)
    return trace, Scenario(
        requests=trace.requests,
        bin_seconds=trace.bin_seconds,
        origin=trace.origin_epoch_seconds,
        policy=policy,
        environment=environment,
        warmup_seconds=warmup_seconds,
        is_capacity_assumed=arguments.policy is None,
    )


def check_fit(policy: WorkloadPolicy, environment: Environment) -> None:
    """Refuse a replica that no node of the simulated cluster could hold.

    Raises:
        UsageError: naming the fields.
    """
    gpus, room = policy.standby.gpus_per_replica, environment.standby.gpus_per_node
    if gpus > room:
        raise UsageError(
            f"{policy.workload}: spec.standby.gpusPerReplica: {gpus} is not allowed: "
            f"must be at most {room}, the environment's standby.gpusPerNode"
        )


def read_world(path: Path | None) -> Environment:
    """Read an environment file; every default without one."""
    if path is None:
        return Environment()
    # Here, so that only who needs the files' rules waits for them.
    from controller.environment_file import read_environment

    return read_environment(path)


def choose_policy(policies: tuple[WorkloadPolicy, ...], name: str | None) -> WorkloadPolicy:
    """Return the policy of that name, or the only one.

    Raises:
        UsageError: if there is no such policy, or several and no name.
    """
    names = ", ".join(policy.workload for policy in policies)
    if name is None:
        if len(policies) == 1:
            return policies[0]
        raise UsageError(f"--workload: missing, the file has {len(policies)} policies: {names}")
    for policy in policies:
        if policy.workload == name:
            return policy
    raise UsageError(f"--workload: {name!r} is not allowed: must be one of {names}")


def default_policy(trace: Trace, environment: Environment) -> WorkloadPolicy:
    """Return the policy of a trace that comes without one, for the world it is played in."""
    return WorkloadPolicy(
        workload=WorkloadName(trace.name),
        demand_per_replica=default_capacity(trace),
        mode=Mode.ACT,
        restore=Restore(timeout_seconds=environment.restore.timeout_seconds),
    )


def _trace(arguments: argparse.Namespace) -> Trace:
    """Return the trace of the file, or what Prometheus or Kafka has recorded."""
    given = (arguments.trace, arguments.prometheus, arguments.kafka)
    if sum(one is not None for one in given) != 1:
        raise UsageError(
            "TRACE: give either a file, --prometheus URL with --query, or --kafka HOST:PORT with "
            "--topic"
        )
    if arguments.trace is not None:
        _refuse_recorded(arguments)
        return read_trace(arguments.trace)
    days = DEFAULT_DAYS if arguments.days is None else arguments.days
    if arguments.kafka is not None:
        return _events(arguments, days)
    if not arguments.query:
        raise UsageError("--query: missing, say which series of Prometheus is the demand")
    # Here, so that who has a file needs no client.
    from headstart.recorded_demand import recorded_trace

    return recorded_trace(arguments.prometheus, arguments.query, days=days, now=time.time())


def _refuse_recorded(arguments: argparse.Namespace) -> None:
    """Refuse beside a file what says which part of a recording is meant.

    Raises:
        UsageError: naming the option.
    """
    for option, source in _OF_RECORDINGS.items():
        if getattr(arguments, option) is not None:
            flag = f"--{option.replace('_', '-')}"
            raise UsageError(f"{flag}: not allowed with TRACE, which is played whole: {source}")


def _events(arguments: argparse.Namespace, days: float) -> Trace:
    if not arguments.topic:
        raise UsageError("--topic: missing, say which topic of Kafka has the request events")
    # Here, so that who has a file needs no client.
    from headstart.recorded_events import recorded_events
    from predictor.settings import KafkaEvents

    connection = kafka_connection(arguments)
    if connection is None:
        raise UsageError("--kafka: '' is not allowed: must be HOST:PORT")
    events = KafkaEvents(
        topic=arguments.topic,
        key=arguments.key,
        timestamp_field=arguments.timestamp_field,
        weight_field=arguments.weight_field,
    )
    return recorded_events(connection, events, days=days, now=time.time())


def _policy(
    arguments: argparse.Namespace, trace: Trace, environment: Environment
) -> WorkloadPolicy:
    """Return the policy, acting whatever its mode: a replay touches nothing."""
    if arguments.policy is None:
        if arguments.workload is not None:
            raise UsageError("--workload: only with --policy")
        return default_policy(trace, environment)
    from controller.policy_file import read_policies

    policies = read_policies(arguments.policy, needs_demand=False)
    chosen = choose_policy(policies, arguments.workload)
    # The world gives a start up no later than it says, whatever the policy would wait.
    seconds = min(chosen.restore.timeout_seconds, environment.restore.timeout_seconds)
    restore = replace(chosen.restore, timeout_seconds=seconds)
    return replace(chosen, mode=Mode.ACT, restore=restore)
