"""``headstart check``: validate a policy file, with each fault's line and its mend."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from controller.environment import Environment
    from controller.policy import Demand, Limits, Objective, WorkloadPolicy

NAME = "check"
HELP = "validate a policy file"

_VALID = 0
_INVALID = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("policy", type=Path, metavar="POLICY", help="the policy file (YAML)")
    parser.add_argument(
        "--environment",
        type=Path,
        metavar="FILE",
        help="an environment file to validate as well, and to hold the policies against",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Print every fault of the files and return 2, or what the policies say and return 0."""
    from controller.environment_file import read_environment
    from controller.errors import InvalidFileError
    from controller.policy_file import read_policies

    problems: list[tuple[Path, str]] = []
    policies: tuple[WorkloadPolicy, ...] = ()
    try:
        policies = read_policies(arguments.policy)
    except InvalidFileError as error:
        problems += [(arguments.policy, problem) for problem in error.problems]
    if arguments.environment is not None:
        try:
            environment = read_environment(arguments.environment)
            problems += _misfits(arguments.policy, policies, environment)
        except InvalidFileError as error:
            problems += [(arguments.environment, problem) for problem in error.problems]
    if arguments.json:
        lines = [_as_json(arguments.policy, policies, problems)]
    elif problems:
        lines = [problem for _, problem in problems]
    else:
        lines = _summary(arguments.policy, policies)
        if arguments.environment is not None:
            lines.append(f"{arguments.environment}: valid")
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return _INVALID if problems else _VALID


def _misfits(
    path: Path, policies: tuple[WorkloadPolicy, ...], environment: Environment
) -> Iterator[tuple[Path, str]]:
    """Yield what of the policies no node of the environment could hold."""
    # Here, so that only who asks for it waits for what replays need.
    from headstart.errors import UsageError
    from headstart.world_files import check_fit

    for policy in policies:
        try:
            check_fit(policy, environment)
        except UsageError as error:
            yield path, f"{path}: {error}"


def _summary(path: Path, policies: tuple[WorkloadPolicy, ...]) -> list[str]:
    count = "1 policy, valid" if len(policies) == 1 else f"{len(policies)} policies, all valid"
    return [f"{path}: {count}", *(f"  {_sentence(policy)}" for policy in policies)]


def _sentence(policy: WorkloadPolicy) -> str:
    """Return what a policy asks for, in one line."""
    parts = (
        f"{policy.namespace}/{policy.workload}: {policy.mode}",
        f"demand from {_sources(policy.demand)}",
        f"{policy.demand_per_replica:g} demand per second a replica",
        _aim(policy.objective),
        _range(policy.limits),
        f"actuator {policy.actuator}, restore driver {policy.restore.driver}",
    )
    return "; ".join(parts)


def _sources(demand: Demand) -> str:
    names = []
    if demand.prometheus is not None:
        names.append("Prometheus")
    if demand.kafka is not None:
        names.append(f"Kafka topic {demand.kafka.topic}")
    if demand.calendar:
        count = len(demand.calendar)
        names.append("1 calendar entry" if count == 1 else f"{count} calendar entries")
    return " and ".join(names)


def _aim(objective: Objective) -> str:
    wait = f"within {objective.wait_seconds:g} s"
    if objective.cost is None:
        return f"{objective.attainment * 100:g} % served {wait}"
    gpu_hour, missed = objective.cost.gpu_hour, objective.cost.missed_request
    return f"cheapest at {gpu_hour:g} a GPU-hour and {missed:g} a request not served {wait}"


def _range(limits: Limits) -> str:
    if limits.max_replicas is None:
        return f"{limits.min_replicas} replicas or more"
    return f"{limits.min_replicas} to {limits.max_replicas} replicas"


def _as_json(
    path: Path, policies: tuple[WorkloadPolicy, ...], problems: list[tuple[Path, str]]
) -> str:
    answer = {
        "file": str(path),
        "valid": not problems,
        "policies": [
            {
                "workload": policy.workload,
                "namespace": policy.namespace,
                "mode": policy.mode.value,
                "summary": _sentence(policy),
            }
            for policy in policies
        ],
        "problems": [_problem(file, problem) for file, problem in problems],
    }
    return json.dumps(answer)


def _problem(path: Path, text: str) -> dict[str, object]:
    """Return a problem's parts; its line is null when no line is to blame."""
    rest = text.removeprefix(str(path)).removeprefix(":")
    number, _, message = rest.partition(":")
    line = int(number) if number.isdecimal() else None
    said = message if line is not None else rest
    return {"file": str(path), "line": line, "problem": said.strip()}
