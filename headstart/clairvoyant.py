"""The cheapest replicas found by a policy that knows all demand to come: a feasible bound.

It pays for every restore, of one fixed length, and serves the objective's share in time, so no
honest policy can be far below it. The replicas come from a dynamic programme that gives a late
request a price; the price is searched for until just the allowed share is late (a Lagrangian
relaxation, Everett 1963). Every candidate is judged by the scorer itself, and the plainest one,
which just follows demand, leaves nothing late: so what is found attains the objective.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from headstart.clairvoyant_program import Program, lay_out, play, solve
from headstart.demand_follower import counts_that_follow
from headstart.scoring import Score, score
from headstart.trial import Capacity, Steps, Trial
from models.forecast import FloatArray

#: Steps of the program: fine enough for the wait, few enough for four weeks in a minute or two.
#: Bins of 10 s are not merged up to then: a mean over two of them hides what the second one lacks.
STEP_SECONDS = 10.0
MOST_STEPS = 260_000
#: The search for the price ends when it is known within this ratio.
PRICE_RATIO = 1.12
FIRST_PRICE = 1.6
LOWEST_PRICE = 0.2
MOST_PRICES = 10
#: A wait of steps is also planned for with some of it spared: where a queue hovers at what is just
#: served in time, the programme's grid of queues may take it for a little shorter than it is.
WAIT_SHARES = (1.0, 0.9)
#: How often the instant at which two plans are spliced is halved.
SPLICE_HALVINGS = 14


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HindsightPlan:
    """Replicas chosen in hindsight: ``counts`` for each of the equal steps from the start."""

    step_seconds: float
    counts: FloatArray
    capacity: Capacity
    score: Score


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Search:
    """What every candidate of one search has in common."""

    trial: Trial
    program: Program

    @property
    def is_long_wait(self) -> bool:
        """Say whether requests may wait for a whole step."""
        return self.trial.wait_seconds >= self.program.step_seconds

    def judge(self, counts: FloatArray) -> HindsightPlan:
        """Score the replicas of each step."""
        step_seconds = self.program.step_seconds
        capacity = capacity_of_counts(
            self.trial, counts, step_seconds, restore_seconds=self.program.restore_seconds
        )
        return HindsightPlan(
            step_seconds=step_seconds,
            counts=counts,
            capacity=capacity,
            score=score(self.trial, capacity),
        )

    def attains(self, plan: HindsightPlan) -> bool:
        """Say whether a plan meets the objective."""
        return plan.score.attained_share >= self.trial.attainment


def plan_in_hindsight(trial: Trial, *, restore_seconds: float) -> HindsightPlan:
    """Return the cheapest plan found that attains the objective; its score says if none does.

    Restores last ``restore_seconds`` and are paid, but for what lies before the scored part;
    replicas ready at its start are paid from then.
    """
    step_seconds = _step_seconds(trial)
    work = _work_per_second(trial, step_seconds)
    following = counts_that_follow(trial, step_seconds, restore_seconds=restore_seconds)
    plans = []
    for share in WAIT_SHARES if trial.wait_seconds >= step_seconds else WAIT_SHARES[:1]:
        program = lay_out(
            work,
            step_seconds=step_seconds,
            wait_seconds=trial.wait_seconds * share,
            restore_seconds=restore_seconds,
        )
        plans.append(_cheapest(_Search(trial=trial, program=program), following))
    return min(plans, key=lambda plan: plan.score.gpu_seconds)


def _cheapest(search: _Search, following: FloatArray) -> HindsightPlan:
    """Return the cheapest plan found, or the one that follows demand if even that misses."""
    attaining, missing = _bracket(search, search.judge(following))
    if not search.attains(attaining):
        return attaining
    others = [] if missing is None else [missing]
    if search.is_long_wait:
        # Nothing is late until a whole backlog is, so a price rarely leaves just a few late: to
        # give up all that comes last is cheaper.
        others.append(search.judge(np.zeros(len(following))))
    spliced = [_splice(search, attaining, other) for other in others]
    return min([attaining, *spliced], key=lambda plan: plan.score.gpu_seconds)


def _bracket(
    search: _Search, attaining: HindsightPlan
) -> tuple[HindsightPlan, HindsightPlan | None]:
    """Return the cheapest plan of one price that attains, and that of a price just too low."""
    program = search.program
    missing: HindsightPlan | None = None
    low, high = 0.0, np.inf
    price = FIRST_PRICE
    for _ in range(MOST_PRICES):
        found = search.judge(play(program, solve(program, price)))
        if search.attains(found):
            attaining, high = _cheaper(attaining, found), price
        else:
            missing, low = found, price
        if high < low * PRICE_RATIO or high < LOWEST_PRICE:
            break
        price = _next_price(low, high)
    return attaining, missing


def _next_price(low: float, high: float) -> float:
    """Halve the known range of log prices, or look further out."""
    if low == 0.0:
        return high / 1.5
    if np.isinf(high):
        return low * 2.0
    return float(np.sqrt(low * high))


def _splice(search: _Search, attaining: HindsightPlan, missing: HindsightPlan) -> HindsightPlan:
    """Follow one plan up to the instant from which the other misses just what is allowed.

    No single price need miss exactly the allowed share; this uses up what it leaves.
    """
    best = attaining
    first, last = 0, len(attaining.counts)
    for _ in range(SPLICE_HALVINGS):
        middle = (first + last) // 2
        counts = np.concatenate([attaining.counts[:middle], missing.counts[middle:]])
        found = search.judge(counts)
        if search.attains(found):
            best, last = _cheaper(best, found), middle
        else:
            first = middle
    return best


def _cheaper(one: HindsightPlan, other: HindsightPlan) -> HindsightPlan:
    """Return the plan that costs less."""
    return other if other.score.gpu_seconds < one.score.gpu_seconds else one


def capacity_of_counts(
    trial: Trial, counts: FloatArray, step_seconds: float, *, restore_seconds: float
) -> Capacity:
    """Return the capacity of replica counts, each rise paid one restore earlier.

    ``counts[i]`` is ready from ``trial.start + i * step_seconds``; no restore is paid before
    the start.
    """
    times = np.asarray(trial.start + np.arange(len(counts)) * step_seconds, dtype=np.float64)
    changes = np.diff(counts).astype(np.int64)
    rises = np.repeat(times[1:], np.maximum(changes, 0))
    started = np.maximum(rises - restore_seconds, trial.start)
    initial = np.full(int(counts[0]), trial.start)
    released = np.repeat(times[1:], np.maximum(-changes, 0))
    return Capacity(
        ready=Steps(times=times, counts=counts),
        paid=Steps.from_changes(np.concatenate([initial, started]), released),
    )


def _step_seconds(trial: Trial) -> float:
    """Return a step that divides the bins, or is a multiple of them on long fine traces."""
    bin_seconds = trial.bin_seconds
    step = bin_seconds / max(1.0, np.ceil(bin_seconds / STEP_SECONDS))
    bins = np.ceil((trial.end - trial.start) / MOST_STEPS / step)
    return float(step * max(1.0, bins))


def _work_per_second(trial: Trial, step_seconds: float) -> FloatArray:
    """Return the replica-seconds of work per second that arrive in each step."""
    edges = trial.edges()
    widths = np.diff(edges)
    arrived = np.cumsum(trial.rate_at(edges[:-1] + widths / 2) * widths)
    steps = max(1, int(np.ceil((trial.end - trial.start) / step_seconds - 1e-9)))
    instants = trial.start + np.arange(steps + 1) * step_seconds
    by_step = np.diff(np.interp(instants, edges, np.concatenate([[0.0], arrived])))
    return np.asarray(by_step / step_seconds / trial.capacity_per_replica)
