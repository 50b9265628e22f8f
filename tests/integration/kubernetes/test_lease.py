"""The lease on a real API server: one leads, the other takes over, never both at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from controller.adapters.kubernetes.api import KubernetesApi
from controller.adapters.kubernetes.lease import Leadership
from controller.adapters.kubernetes.lease_rules import LeaseSettings
from tests.integration.kubernetes.live_api import a_namespace, an_api, until
from tests.parts.control_plane import ControlPlane


def a_candidate(api: KubernetesApi, home: str, identity: str) -> Leadership:
    """Return one whose times are a fifth of the usual ones."""
    settings = LeaseSettings(
        namespace=home,
        identity=identity,
        duration_seconds=3.0,
        fence_seconds=2.0,
        renew_seconds=0.5,
        retry_seconds=0.2,
        call_seconds=1.0,
    )
    return Leadership(api, settings, monotonic=time.monotonic, clock=time.time)


@asynccontextmanager
async def running(leadership: Leadership) -> AsyncGenerator[asyncio.Task[None]]:
    task = asyncio.create_task(leadership.run_forever())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_killed_leader_is_followed_within_the_lease_s_time(
    control_plane: ControlPlane,
) -> None:
    async with an_api(control_plane) as api:
        home = await a_namespace(api)
        first, second = a_candidate(api, home, "first"), a_candidate(api, home, "second")
        async with running(first) as task:
            await until(first.is_held, "the first leads")
            async with running(second):
                await until(lambda: second.holder == "first", "the second sees who leads")
                # Killed: nothing is given back.
                first._release = nothing  # type: ignore[method-assign]
                task.cancel()
                killed_at = time.monotonic()
                both = False
                while not second.is_held():
                    both = both or (first.is_held() and second.is_held())
                    assert time.monotonic() - killed_at < 30.0
                    await asyncio.sleep(0.02)
                assert not first.is_held()
                assert not both
                assert second.epoch == 1


async def test_a_leader_that_ends_well_hands_over_at_once(control_plane: ControlPlane) -> None:
    async with an_api(control_plane) as api:
        home = await a_namespace(api)
        first, second = a_candidate(api, home, "first"), a_candidate(api, home, "second")
        async with running(second):
            await until(second.is_held, "the second leads")
        lease = await api.get(
            f"/apis/coordination.k8s.io/v1/namespaces/{home}/leases/headstart-controller"
        )
        assert not lease["spec"].get("holderIdentity")
        await first.attempt()
        assert first.is_held()


async def test_while_the_api_server_is_away_the_fence_comes_down(
    control_plane: ControlPlane,
) -> None:
    async with an_api(control_plane) as api:
        home = await a_namespace(api)
        leader = a_candidate(api, home, "first")
        async with running(leader):
            await until(leader.is_held, "it leads")
            control_plane.freeze_api_server()
            try:
                await until(lambda: not leader.is_held(), "it stops acting")
            finally:
                control_plane.thaw_api_server()
            await until(leader.is_held, "it leads again")
            assert leader.epoch == 0


async def test_of_many_that_ask_at_once_one_leads(control_plane: ControlPlane) -> None:
    async with an_api(control_plane) as api:
        home = await a_namespace(api)
        crowd = [a_candidate(api, home, f"c{number}") for number in range(8)]
        await asyncio.gather(*(one.attempt() for one in crowd))
        await asyncio.gather(*(one.attempt() for one in crowd))
        assert sum(one.is_held() for one in crowd) == 1


async def nothing() -> None:
    """Stand in for an end without a farewell."""
