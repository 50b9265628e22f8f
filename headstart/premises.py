"""What a run's figures rest on and do not show, in a sentence each. Pure."""

from __future__ import annotations

import math

import numpy as np

from headstart.scenario import Scenario
from headstart.timestamps import instant_text

#: From so many replicas for one request on, figures say more of the assumption than of anything.
_SEVERAL = 2
#: Bins of up to a minute hide little of how rough demand is: a few percent of the cost.
_LONGEST_BIN_SECONDS = 60.0
#: So many times as much demand as any other bin has is a fault of the recorder more often than not;
#: but where others have a few requests, chance may do as much.
_ALONE_TIMES, _LEAST_OTHERS = 10.0, 10.0


def premises(scenario: Scenario) -> tuple[str, ...]:
    """Return what is to be said before and after a run of what its figures rest on."""
    notes = (capacity_note(scenario), bins_note(scenario), lone_bin_note(scenario))
    return tuple(note for note in notes if note)


def lone_bin_note(scenario: Scenario) -> str:
    """Say which bin has many times the demand of any other; empty where there is none."""
    known = np.nan_to_num(scenario.requests)
    if len(known) < 2:
        return ""
    at = int(known.argmax())
    highest, other = float(known[at]), float(np.partition(known, -2)[-2])
    if highest < _ALONE_TIMES * max(other, _LEAST_OTHERS):
        return ""
    seconds = at * scenario.bin_seconds
    is_scored = seconds >= scenario.warmup_seconds
    what = "What is late and what it costs may be its alone" if is_scored else "Forecasts learn it"
    return (
        f"One bin stands alone: at {instant_text(scenario.origin + seconds)} there are "
        f"{highest:,.0f} requests in {scenario.bin_seconds:g} s, and never more than {other:,.0f} "
        f"in another. {what}: correct it, if that was not demand."
    )


def bins_note(scenario: Scenario) -> str:
    """Say that long bins hide how rough demand is; empty where bins are short."""
    bin_seconds = scenario.bin_seconds
    if bin_seconds <= _LONGEST_BIN_SECONDS:
        return ""
    return (
        f"Inside each of the trace's bins of {bin_seconds:g} s demand is played as even. Real "
        "demand is rougher and costs or misses more: a trace in bins of 10 s would tell."
    )


def capacity_note(scenario: Scenario) -> str:
    """Say that the assumed capacity makes one request need several replicas; empty if it doesn't.

    A request is spread over its bin, and has to be served before it has waited too long.
    """
    policy = scenario.policy
    seconds = scenario.bin_seconds + policy.objective.wait_seconds
    needed = math.ceil(1.0 / (policy.demand_per_replica * seconds) - 1e-9)
    # Demand that is never one whole in a bin counts something else than requests.
    has_requests = float(np.nanmax(scenario.requests, initial=0.0)) >= 1.0
    if not scenario.is_capacity_assumed or needed < _SEVERAL or not has_requests:
        return ""
    return (
        "Without --policy a replica is assumed to serve a twentieth of the busiest minute of a "
        f"thousand, here {policy.demand_per_replica:.3g} requests per second: at so little a "
        f"single request takes {needed} replicas to wait less than "
        f"{policy.objective.wait_seconds:g} s. --policy sets what a replica serves "
        "(spec.capacity.demandPerReplica)."
    )
