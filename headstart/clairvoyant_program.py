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

from headstart.clairvoyant_choices import replica_choices
from headstart.clairvoyant_queues import interpolate, level_table, queue_levels, queue_units
from models.forecast import FloatArray

#: How many chunks are worth solving side by side.
MOST_CHUNKS = 96
_LITTLE = np.float32(1e-6)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Program:
    """The demand, cut into chunks of ``chunk_steps`` that look ``overlap_steps`` further.

    ``work[t, c]`` is the work a second that arrives in step t of chunk c, 0 beyond the end;
    ``is_scored`` says what is not beyond. ``due[t, c]`` is the work that arrived within the wait
    before step t: a queue beyond it holds work that is overdue. ``replicas[n, c]`` are the counts
    to choose from, ``levels`` the queues to tell apart, in units of the chunk: ``queue_units[c]``.
    """

    steps: int
    step_seconds: float
    wait_seconds: float
    restore_seconds: float
    chunk_steps: int
    work: NDArray[np.float32]
    due: NDArray[np.float32]
    is_scored: NDArray[np.bool_]
    replicas: NDArray[np.float32]
    levels: NDArray[np.float32]
    queue_units: NDArray[np.float32]
    level_table: NDArray[np.int64]

    @property
    def queues(self) -> NDArray[np.float32]:
        """Return the queue of each level in each chunk, in replica-seconds of work."""
        return self.levels[:, None] * self.queue_units


def lay_out(
    work: FloatArray, *, step_seconds: float, wait_seconds: float, restore_seconds: float
) -> Program:
    """Cut the work per second of equal steps into chunks."""
    steps = len(work)
    # What happens three restores or waits (or five minutes) later hardly bears on the choice now.
    overlap = int(np.ceil(max(3 * restore_seconds, 3 * wait_seconds, 300.0) / step_seconds))
    chunks = int(np.clip(steps // (4 * overlap), 1, MOST_CHUNKS))
    chunk_steps = -(-steps // chunks)
    chunks = -(-steps // chunk_steps)
    place = np.arange(chunk_steps + overlap)[:, None] + np.arange(chunks) * chunk_steps
    is_scored = place < steps
    chunk_work = np.where(is_scored, work[np.minimum(place, steps - 1)], 0.0)
    replicas = replica_choices(work, place, step_seconds, wait_seconds)
    units = queue_units(chunk_work.sum(axis=0) / is_scored.sum(axis=0), wait_seconds)
    due = _work_within(work, step_seconds, wait_seconds)[np.minimum(_and_next(place), steps)]
    levels = queue_levels(float((due / units).max()))
    return Program(
        steps=steps,
        step_seconds=step_seconds,
        wait_seconds=wait_seconds,
        restore_seconds=restore_seconds,
        chunk_steps=chunk_steps,
        work=chunk_work.astype(np.float32),
        due=due.astype(np.float32),
        is_scored=is_scored,
        replicas=replicas,
        levels=levels,
        level_table=level_table(levels),
        queue_units=units,
    )


def _and_next(place: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.concatenate([place, place[-1:] + 1])


def _work_within(work: FloatArray, step_seconds: float, wait_seconds: float) -> FloatArray:
    """Return the work that arrived within the wait before each step, and before the end."""
    total = np.concatenate([[0.0], np.cumsum(work) * step_seconds])
    instants = np.arange(len(total)) * step_seconds
    return np.asarray(total - np.interp(instants - wait_seconds, instants, total))


def solve(program: Program, price: float) -> NDArray[np.int8]:
    """Return the best choice for each step, replicas before it, and queue, at a price.

    ``price`` is what one replica-second of late work costs, in paid replica-seconds.
    """
    levels, chunks = program.replicas.shape
    queues = len(program.levels)
    choices = np.empty((program.chunk_steps, levels, queues, chunks), dtype=np.int8)
    value = np.zeros((levels, queues, chunks), dtype=np.float32)
    number = np.arange(levels, dtype=np.int8)[:, None, None]
    climbed = (program.replicas - program.replicas[0])[:, None, :]
    for step in range(len(program.work) - 1, -1, -1):
        cost = _cost_of_step(program, price, step, value)
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
    program: Program, price: float, step: int, value: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return the cost from a step on, by replicas in it and queue at its beginning."""
    seconds = np.float32(program.step_seconds)
    growth = (program.work[step] - program.replicas) * seconds
    queued = np.maximum(program.queues + growth[:, None, :], 0.0)
    if program.wait_seconds < program.step_seconds:
        late = _late_on_arrival(program, step, growth)
    else:
        late = _late_when_due(program, step, queued)
    cost = program.replicas[:, None, :] * seconds + late * np.float32(price)
    cost += interpolate(value, queued / program.queue_units, program.levels, program.level_table)
    return np.asarray(np.where(program.is_scored[step], cost, np.float32(0.0)))


def _late_on_arrival(
    program: Program, step: int, growth: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return the work of a step that meets more than its replicas serve within the wait."""
    spare = program.wait_seconds * program.replicas[:, None, :] - program.queues
    short = np.maximum(growth, 0.0)[:, None, :] - spare
    steepness = 1.0 / np.maximum(np.abs(growth), _LITTLE)
    share = np.clip(short * steepness[:, None, :], 0.0, 1.0)
    return np.asarray(share * (program.work[step] * np.float32(program.step_seconds)))


def _late_when_due(program: Program, step: int, queued: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the work that becomes overdue in a step, by the queue at its end.

    Which replicas serve it was chosen step by step, so a wait of many steps is judged exactly.
    """
    before, after = program.queues - program.due[step], queued - program.due[step + 1]
    arrived = program.work[step] * np.float32(program.step_seconds)
    most = np.maximum(before, after)
    share = np.clip(most / np.maximum(np.abs(after - before), _LITTLE), 0.0, 1.0)
    late = share * (program.due[step] + arrived - program.due[step + 1])
    is_last = program.is_scored[step] & ~program.is_scored[min(step + 1, len(program.work) - 1)]
    if is_last.any():
        # What is due after the end is served by the last replicas.
        left = queued - program.wait_seconds * program.replicas[:, None, :]
        late += np.where(is_last, np.maximum(left, 0.0), np.float32(0.0))
    return np.asarray(late)


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
