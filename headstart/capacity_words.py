"""What is to be said of a capacity that nobody gave, in a sentence. Pure."""

from __future__ import annotations

import math

import numpy as np

from headstart.scenario import Scenario

#: From so many replicas for one request on, figures say more of the assumption than of anything.
_SEVERAL = 2


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
        "Without --policy a replica is assumed to serve a twentieth of the peak minute, here "
        f"{policy.demand_per_replica:.3g} requests per second: at so little a single request takes "
        f"{needed} replicas to wait less than {policy.objective.wait_seconds:g} s. --policy sets "
        "what a replica serves (spec.capacity.demandPerReplica)."
    )
