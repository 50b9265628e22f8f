"""Nothing that a replay does depends on what has not happened yet."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import ParamSpec, TypeVar, cast

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import headstart.scenario
from controller.environment import Environment, Metrics, Outage, StandbyNodes, StartLatency
from controller.policy import WorkloadPolicy
from controller.simulation_records import ReplicaRecord
from headstart.replay import ReplayResult, replay
from headstart.scenario import TICK_SECONDS, Scenario
from models.forecast import FloatArray
from models.learned import FIRST_FIT_STEPS
from models.series import DemandSeries
from tests.builders import CHAT

P = ParamSpec("P")
T = TypeVar("T")
BIN_SECONDS = 10.0
BINS = 1080
WARMUP_SECONDS = 1800.0
#: How much of another future is played before the first fit: enough for other plans.
PLAYED_BINS = 30


class FitsAtOnce(Executor):
    """Fits in this process, each history once: a worker takes seconds to start."""

    def __init__(self) -> None:
        self._made: dict[bytes, object] = {}

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        history = cast(DemandSeries, args[0]).values.tobytes()
        if history not in self._made:
            self._made[history] = fn(*args, **kwargs)
        done: Future[T] = Future()
        done.set_result(cast(T, self._made[history]))
        return done


@pytest.fixture(scope="module")
def fits_at_once() -> FitsAtOnce:
    return FitsAtOnce()


def demand(*, seed: int) -> FloatArray:
    """Return requests of each bin: waves, noise and a burst or two."""
    generator = np.random.default_rng(seed)
    rate = 60 + 40 * np.sin(np.arange(BINS) / 40 + seed) + 80 * (np.arange(BINS) % 300 > 280)
    return np.asarray(np.floor(BIN_SECONDS * rate * generator.gamma(20.0, 0.05, BINS)))


def played(
    requests: FloatArray, *, bin_seconds: float = BIN_SECONDS, outages: tuple[Outage, ...] = ()
) -> ReplayResult:
    return replay(
        Scenario(
            requests=requests,
            bin_seconds=bin_seconds,
            origin=1_700_000_000.0,
            policy=WorkloadPolicy(workload=CHAT, demand_per_replica=6.0),
            environment=Environment(
                restore=StartLatency(median_seconds=40.0, failure_share=0.1, hang_share=0.05),
                standby=StandbyNodes(nodes=60),
                metrics=Metrics(outages=outages),
            ),
            warmup_seconds=WARMUP_SECONDS,
        )
    )


def another_future(requests: FloatArray, since: int, *, seed: int) -> FloatArray:
    """Return the requests with other ones from the bin ``since`` on.

    Before the first fit the other future is also shorter, to play no more than has to be.
    """
    changed = requests.copy()
    changed[since:] = 3 * demand(seed=seed)[since:]
    return changed if since > FIRST_FIT_STEPS else changed[: since + PLAYED_BINS]


def plans(result: ReplayResult, since: float, until: float) -> tuple[FloatArray, list[str]]:
    """Return the rows of plans.csv within a span, ends included."""
    times = result.plans.column("time")
    inside = (times >= since) & (times <= until)
    reasons = [
        reason for reason, is_in in zip(result.plans.reasons(), inside, strict=True) if is_in
    ]
    return result.plans.numbers[: len(inside)][inside], reasons


def replicas(result: ReplayResult, until: float) -> list[tuple[object, ...]]:
    """Return the rows of replicas.csv as they could have been written at ``until``."""
    return [_known_by(record, until) for record in result.records if record.decided_at <= until]


def _known_by(record: ReplicaRecord, until: float) -> tuple[object, ...]:
    times = (record.parked_at, record.started_at, record.ready_at, record.released_at)
    known = tuple(time if time is not None and time <= until else None for time in times)
    return (record.replica, record.node, record.kind, record.decided_at, *known)


def moments() -> list[int]:
    """Return twenty bins: sixteen before the first fit, four after it."""
    generator = np.random.default_rng(17)
    first = round(WARMUP_SECONDS / BIN_SECONDS) + 5
    early = generator.choice(np.arange(first, FIRST_FIT_STEPS - PLAYED_BINS), 16, replace=False)
    # A fit speaks a minute after its last step.
    late = generator.choice(np.arange(FIRST_FIT_STEPS + 20, BINS - 60), 4, replace=False)
    return [int(bin_) for bin_ in sorted([*early, *late])]


@pytest.fixture(scope="module")
def as_it_was(fits_at_once: FitsAtOnce) -> ReplayResult:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(headstart.scenario, "fit_pool", lambda _: fits_at_once)
        return played(demand(seed=1))


@pytest.mark.parametrize("since", moments())
def test_another_future_leaves_the_past_as_it_was(
    since: int,
    as_it_was: ReplayResult,
    fits_at_once: FitsAtOnce,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(headstart.scenario, "fit_pool", lambda _: fits_at_once)
    other = played(another_future(demand(seed=1), since, seed=since))
    until = since * BIN_SECONDS

    before, reasons = plans(as_it_was, 0.0, until)
    other_before, other_reasons = plans(other, 0.0, until)
    assert len(before) == (until - WARMUP_SECONDS) / TICK_SECONDS + 1
    assert_array_equal(before, other_before)
    assert reasons == other_reasons
    assert replicas(as_it_was, until) == replicas(other, until)

    # Or else the comparison would have compared a replay with itself.
    later = until + PLAYED_BINS * BIN_SECONDS
    assert targets(as_it_was, until, later) != targets(other, until, later)


def targets(result: ReplayResult, since: float, until: float) -> list[float]:
    times = result.plans.column("time")
    return list(result.plans.column("target")[(times > since) & (times < until)])


def test_plans_of_long_bins_know_none_that_has_yet_to_begin() -> None:
    bin_seconds, since = 300.0, 40
    requests = demand(seed=3)[: since + 5] * bin_seconds / BIN_SECONDS
    changed = requests.copy()
    changed[since:] *= 3.0
    first, other = (played(one, bin_seconds=bin_seconds) for one in (requests, changed))
    begins = since * bin_seconds
    for mine, theirs in zip(plans(first, 0.0, begins), plans(other, 0.0, begins), strict=True):
        assert_array_equal(mine, theirs)
    assert replicas(first, begins) == replicas(other, begins)
    assert replicas(first, begins + 300.0) != replicas(other, begins + 300.0)


def test_an_outage_late_in_a_long_bin_changes_nothing_before_it() -> None:
    bin_seconds, since = 300.0, 30
    requests = demand(seed=3)[: since + 5] * bin_seconds / BIN_SECONDS
    begins = since * bin_seconds + 200.0
    outage = Outage(from_seconds=begins, to_seconds=begins + 60.0)
    sound = played(requests, bin_seconds=bin_seconds)
    dark = played(requests, bin_seconds=bin_seconds, outages=(outage,))
    for mine, theirs in zip(plans(sound, 0.0, begins), plans(dark, 0.0, begins), strict=True):
        assert_array_equal(mine, theirs)
    assert replicas(sound, begins) == replicas(dark, begins)
    lit, unlit = (plans(one, begins, begins + 60.0)[0] for one in (sound, dark))
    assert not np.array_equal(lit, unlit, equal_nan=True)
