"""Two controllers compete while the one that leads is killed, again and again, at random points.

Ordinarily five times; `make soak` does it a hundred times and says in numbers what it saw.
"""

from __future__ import annotations

import os
import random
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.conftest import started
from tests.integration.kubernetes.loop_stand import (
    LEASE_SECONDS,
    Controller,
    Demand,
    a_policy,
    claims,
    pods_of,
    ready_pods,
    states,
)
from tests.integration.kubernetes.pool_watch import PoolWatch
from tests.parts.control_plane import ControlPlane

pytestmark = pytest.mark.trial

KILLS = int(os.environ.get("HEADSTART_KILLS", "5"))
#: A ramp of restores is over some seconds after it was asked for: within them the leader dies.
RAMP_SECONDS = 6.0
#: A rival looks every so often whether the lease has run out, and then writes it: a second or two,
#: and more on a crowded machine.
LOOK_SECONDS = 10.0
WITHIN_SECONDS = 120.0


def test_nothing_is_claimed_or_restored_twice_and_nothing_is_orphaned_however_often_leaders_die(
    control_plane: ControlPlane, account: Path, namespace: str, pool: list[str], demand: Demand
) -> None:
    plane, luck, waits = control_plane, random.Random(7), list[float]()
    with ExitStack() as stack:
        watch = stack.enter_context(PoolWatch(plane, namespace, most=4))
        ask_for(plane, namespace, 1)
        rivals = [started(Controller(account, demand, f"c{n}"), stack) for n in range(3)]
        # One that was killed comes back while the others go on.
        revival = stack.enter_context(ThreadPoolExecutor(max_workers=1))
        revived = revival.submit(rivals[0].start)
        for number in range(1, KILLS + 1):
            ask_for(plane, namespace, 1)
            come_to(plane, namespace, 1)
            revived.result()
            leader = plane.until(lambda: next((r for r in rivals if r.leads), None), "one leads")
            ask_for(plane, namespace, 4)
            time.sleep(luck.uniform(0.0, RAMP_SECONDS))
            waits.append(killed_and_followed(plane, leader, rivals))
            revived = revival.submit(leader.start)
            come_to(plane, namespace, 4)
            assert watch.objections == []
            if number % 10 == 0:
                say(watch, waits)
        revived.result()
        ask_for(plane, namespace, 1)
        plane.until(
            lambda: states(plane, pool) == ["serving", *["standby"] * 5],
            "all but one stand by",
            within_seconds=WITHIN_SECONDS,
        )
        # No claim is left but that of the one that serves.
        claims_left = [claim for found in claims(plane, pool).values() for claim in found]
        pods_left = [f"{namespace}/{pod['metadata']['name']}" for pod in pods_of(plane, namespace)]
        assert [claim["pod"] for claim in claims_left] == pods_left
        assert watch.objections == watch.doubled == []
    say(watch, waits)
    assert max(waits) <= LEASE_SECONDS + LOOK_SECONDS


def ask_for(plane: ControlPlane, namespace: str, replicas: int) -> None:
    """Have so many replicas wanted from now on."""
    limits = {"minReplicas": replicas, "maxReplicas": 4}
    plane.apply(a_policy(namespace, spec={"limits": limits}))


def come_to(plane: ControlPlane, namespace: str, replicas: int) -> None:
    """Wait until there are so many, and all of them ready."""
    plane.until(
        lambda: len(pods_of(plane, namespace)) == ready_pods(plane, namespace) == replicas,
        f"{replicas} are ready",
        within_seconds=WITHIN_SECONDS,
    )


def killed_and_followed(plane: ControlPlane, leader: Controller, rivals: list[Controller]) -> float:
    """Kill the leader, and return after how many seconds another led."""
    others = [one for one in rivals if one is not leader]
    leader.kill()
    killed_at = time.monotonic()
    plane.until(lambda: any(one.leads for one in others), "a rival leads")
    return time.monotonic() - killed_at


def say(watch: PoolWatch, waits: list[float]) -> None:
    """Write what was seen, for whoever runs the long form."""
    sys.stdout.write(
        f"{len(waits)} leaders killed, {len(watch.created)} starts, {len(watch.doubled)} doubled,"
        f" {len(watch.objections)} objections; hand-over {min(waits):.1f} to {max(waits):.1f} s,"
        f" half within {sorted(waits)[len(waits) // 2]:.1f} s\n"
    )
    sys.stdout.flush()
