"""Workloads in a pool for 80 % of their summed peaks: whose demand misses, and how much.

Run it with `python benchmarks/shared_pool.py [TRACE ...] [--hours H]`, without traces on three
generated days. Plays the loop's own tick over the last hours of each in one simulated world: with
the pool shared by what misses (`controller.sharing`), first come, first served (each plans as if
alone and takes what is free), and cut into equal parts. Prints what share of each workload's
demand missed, and the sum in replica-seconds: demand by what one replica of its workload serves.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks._traffic import requests, write_trace
from controller.environment import Environment, StandbyNodes
from controller.errors import ActionRefusedError
from controller.policy import Mode, ScaleDown, WorkloadPolicy
from controller.simulation import SimulatedWorld
from controller.simulation_records import ReplicaRecord
from controller.tick import TickResult, tick
from controller.tick_state import TickSettings, TickState
from headstart.demand_track import DemandTrack, step_of
from headstart.forecast_blocks import forecast_blocks
from headstart.forecast_feed import ForecastFeed
from headstart.forecast_track import fit_pool
from headstart.reach import reach_seconds
from headstart.scenario import TICK_SECONDS
from headstart.scoring import score
from headstart.traces import Trace, read_trace
from headstart.trial import Capacity, Trial
from headstart.world_files import default_policy
from models.forecast import FloatArray, WorkloadName
from models.horizons import grid_reaching
from models.outlook import Outlook

_POOL_SHARE = 0.8
_LONGEST_SECONDS = 3 * 86400.0
#: The instant at which the demand of all of them ends.
_END = 100 * 86400.0

Outlooks = dict[WorkloadName, Outlook]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Player:
    """One workload: its policy, and its demand up to ``_END``."""

    policy: WorkloadPolicy
    track: DemandTrack
    trial: Trial
    peak_replicas: int


def main() -> int:
    """Play the three ways and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("traces", nargs="*", type=Path, metavar="TRACE")
    parser.add_argument("--hours", type=float, default=6.0, help="how much of each is played")
    arguments = parser.parse_args()
    start = _END - arguments.hours * 3600.0
    with tempfile.TemporaryDirectory() as made:
        paths = arguments.traces or _generated(Path(made))
        players = [_player(read_trace(path), f"w{at}", start) for at, path in enumerate(paths)]
    gpus = int(_POOL_SHARE * sum(player.peak_replicas for player in players))
    print(f"{gpus} GPUs for peaks of {[player.peak_replicas for player in players]} replicas")
    seen = _outlooks(players, start)
    _print("shared", players, _played(players, seen, start, gpus, _together))
    _print("first come", players, _played(players, seen, start, gpus, _one_by_one))
    part = gpus // len(players)
    apart = [
        record for player in players for record in _played([player], seen, start, part, _together)
    ]
    _print("equal parts", players, apart)
    return 0


def _generated(folder: Path) -> list[Path]:
    """Write three days of demand whose peaks differ."""
    paths = []
    for seed, mean in ((1, 20.0), (2, 8.0), (3, 40.0)):
        counts = np.roll(requests(days=2, step_seconds=10.0, seed=seed, mean=mean), 2000 * seed)
        paths.append(folder / f"generated-{seed}.csv")
        write_trace(paths[-1], counts, step_seconds=10.0)
    return paths


def _player(trace: Trace, name: str, start: float) -> Player:
    """Cut a trace to its last days, and let it end at ``_END``."""
    policy = default_policy(trace, Environment())
    policy = replace(
        policy,
        workload=WorkloadName(name),
        mode=Mode.ACT,
        scale_down=ScaleDown(drain_seconds=0.0),
    )
    demand = trace.requests[-round(_LONGEST_SECONDS / trace.bin_seconds) :]
    origin = _END - len(demand) * trace.bin_seconds
    trial = Trial(
        demand_per_second=demand / trace.bin_seconds,
        bin_seconds=trace.bin_seconds,
        start=start,
        end=_END,
        capacity_per_replica=policy.demand_per_replica,
        wait_seconds=policy.objective.wait_seconds,
        origin=origin,
    )
    minutes = trial.rate_at(np.arange(start, _END, max(60.0, trace.bin_seconds)))
    return Player(
        policy=policy,
        track=DemandTrack.of(
            demand, origin=origin, bin_seconds=trace.bin_seconds, metrics=Environment().metrics
        ),
        trial=trial,
        peak_replicas=int(np.ceil(minutes.max() / policy.demand_per_replica)),
    )


def _instants(start: float) -> FloatArray:
    return np.arange(start, _END, TICK_SECONDS)


def _outlooks(players: Sequence[Player], start: float) -> list[Outlooks]:
    """Return what is foreseen of every workload at each tick, strictly of what came before."""
    seen: list[Outlooks] = [{} for _ in _instants(start)]
    for player in players:
        name = player.policy.workload
        series = player.track.series(step_of(player.track.bin_seconds))
        reach = reach_seconds([player.policy], tick_seconds=TICK_SECONDS)
        grid = grid_reaching(reach, step_seconds=series.step_seconds)
        with fit_pool(1) as pool:
            blocks = forecast_blocks(series, grid, pool)
            feed = ForecastFeed(name, series, grid, blocks, delay_seconds=5.0)
            for place, now in enumerate(_instants(start).tolist()):
                seen[place][name] = Outlook(
                    workload=name,
                    published_at=now,
                    reading=player.track.reading(now, TICK_SECONDS),
                    forecast=feed.at(now),
                )
    return seen


Step = Callable[[SimulatedWorld, Outlooks, TickState, float, Sequence[WorkloadPolicy]], TickState]


def _played(
    players: Sequence[Player], seen: Sequence[Outlooks], start: float, gpus: int, step: Step
) -> list[ReplicaRecord]:
    """Play some workloads on so many GPUs, from an empty pool; return every replica's life."""
    world = SimulatedWorld(Environment(standby=StandbyNodes(nodes=gpus)), start)
    policies = [player.policy for player in players]
    state = TickState()
    for now, outlooks in zip(_instants(start).tolist(), seen, strict=True):
        world.advance(now)
        state = step(world, outlooks, state, now, policies)
    world.advance(_END)
    return list(world.records())


def _together(
    world: SimulatedWorld,
    outlooks: Outlooks,
    state: TickState,
    now: float,
    policies: Sequence[WorkloadPolicy],
) -> TickState:
    return _carried_out(world, _ticked(world, outlooks, state, now, policies)).state


def _one_by_one(
    world: SimulatedWorld,
    outlooks: Outlooks,
    state: TickState,
    now: float,
    policies: Sequence[WorkloadPolicy],
) -> TickState:
    """Let each plan as if it were alone; who comes first changes from tick to tick."""
    turn = int(now / TICK_SECONDS) % len(policies)
    workloads = dict(state.workloads)
    for policy in [*policies[turn:], *policies[:turn]]:
        alone = replace(state, workloads=workloads)
        state = _carried_out(world, _ticked(world, outlooks, alone, now, [policy])).state
        workloads |= state.workloads
    return replace(state, workloads=workloads)


def _ticked(
    world: SimulatedWorld,
    outlooks: Outlooks,
    state: TickState,
    now: float,
    policies: Sequence[WorkloadPolicy],
) -> TickResult:
    settings = TickSettings(tick_seconds=TICK_SECONDS)
    return tick(world.fleet(), outlooks, state, now, policies=policies, settings=settings)


def _carried_out(world: SimulatedWorld, result: TickResult) -> TickResult:
    for action in result.actions:
        try:
            world.apply(action)
        except ActionRefusedError:
            continue  # the next tick plans anew
    return result


def _print(name: str, players: Sequence[Player], records: Sequence[ReplicaRecord]) -> None:
    shares, total = [], 0.0
    for player in players:
        own = [record for record in records if record.workload == player.policy.workload]
        verdict = score(player.trial, Capacity.from_records(own))
        shares.append(f"{verdict.missed / verdict.demand:.2%}")
        total += verdict.missed / player.policy.demand_per_replica
    print(f"{name:12} missed {', '.join(shares)}; in all {total:,.0f} replica-seconds", flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
