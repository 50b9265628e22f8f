"""Whether a trace's peak can be played at a capacity, and which row is to blame if not. Pure."""

from __future__ import annotations

import numpy as np

from controller.policy import WorkloadPolicy
from headstart.errors import InvalidTraceError, UsageError
from headstart.traces import Trace

#: A replay plays at most so many replicas.
MOST_REPLICAS = 10_000


def check_peak(trace: Trace, policy: WorkloadPolicy, *, is_assumed: bool) -> None:
    """Refuse a peak that would take more replicas than can be played.

    ``is_assumed`` says that nobody said what a replica serves: then the trace is to blame.

    Raises:
        InvalidTraceError: naming the row, if the capacity is assumed.
        UsageError: naming the field and the row, if the policy says it.
    """
    rates = np.nan_to_num(trace.per_second)
    at = int(np.argmax(rates))
    peak, capacity = float(rates[at]), policy.demand_per_replica
    if peak <= MOST_REPLICAS * capacity:
        return
    place, enough = trace.place_of(at), peak / MOST_REPLICAS
    if is_assumed:
        raise InvalidTraceError(
            f"{trace.name}: {place}: {trace.requests[at]:g} requests in {trace.bin_seconds:g} s "
            f"take more than {MOST_REPLICAS} of the replicas that are assumed without --policy "
            f"({capacity:g} per second each): correct the trace there, or say in a --policy what "
            f"a replica serves (spec.capacity.demandPerReplica, at least {enough:g})"
        )
    raise UsageError(
        f"{policy.workload}: spec.capacity.demandPerReplica: {capacity:g} is not allowed: must be "
        f"at least {enough:g}, or the trace's peak of {peak:g} per second ({place}) takes more "
        f"than {MOST_REPLICAS} replicas"
    )
