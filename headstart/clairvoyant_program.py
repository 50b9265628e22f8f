"""A dynamic programme for replicas when all demand is known and a late request has a price.

State: replicas ready and work queued. Each step chooses the replicas of that step; one more than
before costs a whole restore, a late request costs its price, a ready replica costs its time.
Backward induction (Bellman 1957) on a grid of queues, linear between grid points. Long traces
are cut into chunks that overlap and are solved side by side, which is what makes numpy quick
here; the forward pass runs through all of them without a seam.

Work is measured in replica-seconds: demand divided by the capacity of one replica.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.forecast import FloatArray

#: Queue levels, in seconds of the chunk's mean work: fine where the objective is decided.
QUEUE_LEVELS = np.array(
    [0, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75, 2, 2.25, 2.5, 3, 4, 6, 10, 20, 40], dtype=np.float32
)
#: More levels of replicas than this are spread out: densely where demand mostly is, and up to a
#: crowd's peak in steps that grow.
REPLICA_LEVELS = 48
CROWD_LEVELS = 12
#: How many chunks are worth solving side by side.
MOST_CHUNKS = 96


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Program:
    """The demand, cut into chunks of ``chunk_steps`` that look ``overlap_steps`` further.

    ``work[t, c]`` is the work a second that arrives in step t of chunk c, 0 beyond the end;
    ``is_scored`` says what is not beyond. ``replicas[n, c]`` are the counts to choose from.
    """

    steps: int
    step_seconds: float
    wait_seconds: float
    restore_seconds: float
    chunk_steps: int
    work: NDArray[np.float32]
    is_scored: NDArray[np.bool_]
    replicas: NDArray[np.float32]
    queues: NDArray[np.float32]


def lay_out(
    work: FloatArray, *, step_seconds: float, wait_seconds: float, restore_seconds: float
) -> Program:
    """Cut the work per second of equal steps into chunks."""
    steps = len(work)
    # What happens three restores (or five minutes) later hardly bears on the choice now.
    overlap = int(np.ceil(max(3 * restore_seconds, 300.0) / step_seconds))
    chunks = int(np.clip(steps // (4 * overlap), 1, MOST_CHUNKS))
    chunk_steps = -(-steps // chunks)
    chunks = -(-steps // chunk_steps)
    place = np.arange(chunk_steps + overlap)[:, None] + np.arange(chunks) * chunk_steps
    is_scored = place < steps
    chunk_work = np.where(is_scored, work[np.minimum(place, steps - 1)], 0.0)
    scale = np.maximum(chunk_work.sum(axis=0) / is_scored.sum(axis=0), 0.5)
    return Program(
        steps=steps,
        step_seconds=step_seconds,
        wait_seconds=wait_seconds,
        restore_seconds=restore_seconds,
        chunk_steps=chunk_steps,
        work=chunk_work.astype(np.float32),
        is_scored=is_scored,
        replicas=_choices(work, place, step_seconds, wait_seconds),
        queues=QUEUE_LEVELS[:, None] * scale.astype(np.float32),
    )


def _choices(
    work: FloatArray, place: NDArray[np.int64], step_seconds: float, wait_seconds: float
) -> NDArray[np.float32]:
    """Return the replica counts that each chunk may need."""
    total = np.concatenate([[0.0], np.cumsum(work) * step_seconds])
    most = np.zeros(len(work))
    # Nothing is late if no window's work exceeds what n serve in it and the wait together.
    for width in (1, 2, 3, 5, 8, 13, 21, 34, 55):
        if width <= len(work):
            need = (total[width:] - total[:-width]) / (width * step_seconds + wait_seconds)
            most[: len(need)] = np.maximum(most[: len(need)], need)
    width = min(len(work), max(1, int(300 / step_seconds)))
    calm = np.full(len(work), np.inf)
    calm[: len(work) - width + 1] = (total[width:] - total[:-width]) / (width * step_seconds)
    inside = np.minimum(place, len(work) - 1)
    needs = np.ceil(most[inside]) + 1
    lowest = calm[inside].min(axis=0)
    lowest = np.floor(0.7 * np.where(np.isfinite(lowest), lowest, 0.0))
    levels = int(min((needs.max(axis=0) - lowest).max() + 1, REPLICA_LEVELS))
    columns = [_levels_of(low, need, levels) for low, need in zip(lowest, needs.T, strict=True)]
    return np.stack(columns, axis=1).astype(np.float32)


def _levels_of(lowest: float, needs: NDArray[Any], levels: int) -> FloatArray:
    """Return ascending whole counts from the lowest to the highest need of a chunk.

    One replica apart if there are levels enough. Else evenly up to what nearly always is enough,
    and from there to the highest in equal ratios.
    """
    highest = max(float(needs.max()), lowest + levels - 1)
    if highest - lowest < levels:
        return np.asarray(lowest + np.arange(levels), dtype=np.float64)
    usual = float(np.clip(np.quantile(needs, 0.98), lowest + levels - CROWD_LEVELS, highest))
    dense = np.linspace(lowest, usual, levels - CROWD_LEVELS)
    crowd = np.geomspace(max(usual, 1.0), highest, CROWD_LEVELS + 1)[1:]
    counts = np.round(np.concatenate([dense, crowd]))
    # Whole and strictly rising, whatever rounding did.
    return np.asarray(np.maximum.accumulate(counts - np.arange(levels)) + np.arange(levels))


def solve(program: Program, price: float) -> NDArray[np.int8]:
    """Return the best choice for each step, replicas before it, and queue, at a price.

    ``price`` is what one replica-second of late work costs, in paid replica-seconds.
    """
    levels, chunks = program.replicas.shape
    queues = len(QUEUE_LEVELS)
    choices = np.empty((program.chunk_steps, levels, queues, chunks), dtype=np.int8)
    value = np.zeros((levels, queues, chunks), dtype=np.float32)
    number = np.arange(levels, dtype=np.int8)[:, None, None]
    climbed = (program.replicas - program.replicas[0])[:, None, :]
    spare = program.wait_seconds * program.replicas[:, None, :] - program.queues
    for step in range(len(program.work) - 1, -1, -1):
        cost = _cost_of_step(program, price, step, value, spare)
        restore = _restore_cost(program, step)
        climbing = cost + climbed * restore
        cheapest_below, cheapest_above = cost.copy(), climbing.copy()
        _run(np.minimum, cheapest_below)
        _run(np.minimum, cheapest_above[::-1])
        up = cheapest_above - climbed * restore
        value = np.minimum(cheapest_below, up)
        if step < program.chunk_steps:
            below = np.where(cost <= cheapest_below, number, np.int8(0))
            above = np.where(climbing <= cheapest_above, number, np.int8(127))
            _run(np.maximum, below)
            _run(np.minimum, above[::-1])
            choices[step] = np.where(up < cheapest_below, above, below)
    return choices


def _run(extreme: np.ufunc, values: NDArray[Any]) -> None:
    """Replace each row by the extreme of the rows so far; `accumulate` is four times slower."""
    for row in range(1, len(values)):
        extreme(values[row - 1], values[row], out=values[row])


def _restore_cost(program: Program, step: int) -> NDArray[np.float32]:
    """Return what one more replica costs at a step of each chunk: its paid restore."""
    chunks = program.work.shape[1]
    since_start = (np.arange(chunks) * program.chunk_steps + step) * program.step_seconds
    # A restore that begins before the scored part is paid only from its start.
    return np.asarray(np.minimum(since_start, program.restore_seconds), dtype=np.float32)


def _cost_of_step(
    program: Program,
    price: float,
    step: int,
    value: NDArray[np.float32],
    spare: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Return the cost from a step on, by replicas in it and queue at its beginning."""
    seconds = np.float32(program.step_seconds)
    work = program.work[step]
    growth = (work - program.replicas) * seconds
    # The share of the step's work that meets more than the wait's service, as in the scorer.
    steepness = 1.0 / np.maximum(np.abs(growth), np.float32(1e-6))
    short = np.maximum(growth, 0.0)[:, None, :] - spare
    late = np.clip(short * steepness[:, None, :], 0.0, 1.0)
    queued = np.maximum(program.queues + growth[:, None, :], 0.0)
    cost = program.replicas[:, None, :] * seconds + late * (np.float32(price) * work * seconds)
    cost += _interpolate(value, queued / program.queues[4])
    return np.asarray(np.where(program.is_scored[step], cost, np.float32(0.0)))


#: For each quarter of a second: the last queue level not above it.
_LEVEL_BELOW = np.minimum(
    np.searchsorted(QUEUE_LEVELS, np.arange(161) / 4, side="right") - 1, len(QUEUE_LEVELS) - 2
).astype(np.int64)
_LEVEL_WIDTH = np.diff(QUEUE_LEVELS)


def _interpolate(value: NDArray[np.float32], at: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the values at queues between levels; beyond the last in a straight line."""
    levels, queues, chunks = value.shape
    below = _LEVEL_BELOW[np.minimum(at * 4, 160.0).astype(np.int64)]
    share = (at - QUEUE_LEVELS[below]) / _LEVEL_WIDTH[below]
    flat = value.reshape(-1)
    row = np.arange(levels)[:, None, None] * (queues * chunks) + np.arange(chunks)
    first = flat[row + below * chunks]
    return np.asarray(first + share * (flat[row + (below + 1) * chunks] - first))


def play(program: Program, choices: NDArray[np.int8]) -> FloatArray:
    """Follow the choices from an empty queue; return the replicas of each step."""
    counts = np.empty(program.steps)
    queue, before = 0.0, np.nan
    for chunk in range(program.replicas.shape[1]):
        replicas = program.replicas[:, chunk].tolist()
        levels = program.queues[:, chunk]
        middles = ((levels[1:] + levels[:-1]) / 2).tolist()
        # The first replicas are free to choose: all possible ones are there already.
        number = len(replicas) - 1
        if not np.isnan(before):
            number = int(np.argmin(np.abs(program.replicas[:, chunk] - before)))
        first = chunk * program.chunk_steps
        length = min(program.chunk_steps, program.steps - first)
        chosen = np.ascontiguousarray(choices[:length, :, :, chunk])
        for step, work in enumerate(program.work[:length, chunk].tolist()):
            number = int(chosen[step, number, bisect_left(middles, queue)])
            before = replicas[number]
            counts[first + step] = before
            queue = max(0.0, queue + (work - before) * program.step_seconds)
    return counts
