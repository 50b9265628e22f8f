"""Where a plan to be explained comes from: a running controller, or a finished replay's folder."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from controller.plan_codec import decode_plan
from controller.simulation_records import RecordKind
from headstart.errors import RunFailedError, UsageError, shown
from headstart.plan_facts import PlanFacts
from headstart.results_reading import PlanRow, read_plans, read_replicas

_TIMEOUT_SECONDS = 10.0
#: A run's last plan is in force for so long: ticks are closer than that.
_LAST_PLAN_SECONDS = 60.0
_LONGEST_MESSAGE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundPlan:
    """A plan's facts, what they were made of, and when a recorded run next started a replica."""

    facts: PlanFacts
    raw: Mapping[str, Any]
    next_start_at: float | None = None


def from_controller(url: str, *, workload: str | None, at: str | None) -> FoundPlan:
    """Ask a running controller; ``at`` in seconds since the epoch or as an ISO time.

    Raises:
        UsageError: if the question is wrong.
        RunFailedError: if there is no answer, or none that can be used.
    """
    if workload is None:
        raise UsageError("WORKLOAD: missing, say whose plan (or --run DIR)")
    # In full: a plan's own time, rounded down, would find the plan before it.
    query = {} if at is None else {"at": repr(epoch_seconds(at))}
    address = f"{url.rstrip('/')}/v1/plans/{quote(workload, safe='')}"
    try:
        answer = httpx.get(address, params=query, timeout=_TIMEOUT_SECONDS)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        why = " ".join(str(error).split()) or type(error).__name__
        raise RunFailedError(f"{address}: no answer: {why}") from error
    if answer.status_code != httpx.codes.OK:
        raise RunFailedError(f"{address}: {answer.status_code}: {_first_words(answer)}")
    try:
        raw = answer.json()
        return FoundPlan(facts=PlanFacts.of_plan(decode_plan(raw)), raw=raw)
    except ValueError as error:
        raise RunFailedError(f"{address}: is no plan: {error}") from error


def from_run(folder: Path, *, workload: str | None, at: str | None) -> FoundPlan:
    """Read a replay's ``plans.csv``; ``at`` in seconds since the trace's start.

    Raises:
        UsageError: if a workload is named, or the folder has no such file, a wrong one, or nothing
            so early or so late.
    """
    if workload is not None:
        allowed = "not allowed with --run, a replay has but one"
        raise UsageError(f"WORKLOAD: {shown(workload)} is {allowed}")
    path = folder / "plans.csv"
    wanted = math.inf if at is None else _seconds(at)
    plans, started = read_plans(path), _started(folder / "replicas.csv")
    chosen: PlanRow | None = None
    next_start_at: float | None = None
    is_last = True
    for row in plans:
        if row.time <= wanted:
            chosen = row
            continue
        is_last = False
        if _facts(row, started).starts:
            next_start_at = row.time
            break
    if chosen is None:
        found = f"begins at {plans[0].time:.10g}" if plans else "has no plan"
        raise UsageError(f"--at: {at} is not allowed: {path} {found}")
    if at is not None and is_last and wanted > chosen.time + _LAST_PLAN_SECONDS:
        raise UsageError(f"--at: {at} is not allowed: {path} ends at {chosen.time:.0f}")
    return FoundPlan(facts=_facts(chosen, started), raw=asdict(chosen), next_start_at=next_start_at)


def _started(path: Path) -> Counter[float] | None:
    """Count the replicas that a run started at each time; None if the run's file is not there."""
    if not path.exists():
        return None
    rows = [row for row in read_replicas(path) if row.kind != RecordKind.INITIAL]
    return Counter(_instant(row.started_at) for row in rows if row.started_at is not None)


def _facts(row: PlanRow, started: Mapping[float, int] | None) -> PlanFacts:
    count = None if started is None else started.get(_instant(row.time), 0)
    return PlanFacts.of_row(row, started=count)


def _instant(seconds: float) -> float:
    """Return a time as both files have it: neither is written to the last digit."""
    return round(seconds, 2)


def epoch_seconds(text: str) -> float:
    """Return seconds since the epoch of a number or an ISO time (UTC if it names no zone).

    Raises:
        UsageError: if it is neither.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return _seconds(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise UsageError(f"--at: {text!r} is not allowed: must be a number of seconds")
    return value


def _first_words(answer: httpx.Response) -> str:
    """Return what a refusing server says, on one line."""
    try:
        body = json.loads(answer.text)
        text = str(body.get("error") or body.get("detail") or body) if body else ""
    except (ValueError, AttributeError):
        text = answer.text
    return " ".join(text.split())[:_LONGEST_MESSAGE] or answer.reason_phrase
