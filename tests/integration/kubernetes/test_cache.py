"""A cache on a real API server: it follows, and gets over what breaks."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from controller.adapters.kubernetes.api import KubernetesApi
from controller.adapters.kubernetes.cache import CacheSettings, ObjectCache
from controller.adapters.kubernetes.exchange import ApiSettings
from tests.integration.kubernetes.live_api import a_map, a_namespace, an_api, maps_path, until
from tests.parts.control_plane import ControlPlane

QUICK = CacheSettings(first_pause_seconds=0.05, longest_pause_seconds=1.0)


@asynccontextmanager
async def a_cache(api: KubernetesApi, home: str) -> AsyncGenerator[ObjectCache]:
    cache = ObjectCache(
        api,
        maps_path(home),
        {"labelSelector": "test=headstart"},
        clock=time.time,
        luck=random.Random(1).random,
        settings=QUICK,
    )
    task = asyncio.create_task(cache.run_forever())
    try:
        yield cache
        assert not task.done()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_it_follows_what_happens_and_is_fresh(control_plane: ControlPlane) -> None:
    async with an_api(control_plane) as api:
        home = await a_namespace(api)
        await api.create(maps_path(home), a_map("before"))
        async with a_cache(api, home) as cache:
            await asyncio.wait_for(cache.synced(), 60)
            await until(lambda: cache.fresh_at(time.time()) > time.time() - 1.0, "fresh")
            assert set(cache.objects) == {f"{home}/before"}
            told: list[str] = []
            cache.subscribe(lambda kind, obj, _: told.append(kind))
            await api.create(maps_path(home), a_map("after"))
            await api.delete(maps_path(home, "before"))
            await until(lambda: set(cache.objects) == {f"{home}/after"}, "both changes")
            assert told == ["ADDED", "DELETED"]
            assert cache.relists == 1


async def test_it_gets_over_a_restart_of_the_api_server(control_plane: ControlPlane) -> None:
    async with an_api(control_plane) as api:
        home = await a_namespace(api)
        await api.create(maps_path(home), a_map("one"))
        async with a_cache(api, home) as cache:
            await asyncio.wait_for(cache.synced(), 60)
            control_plane.kill_api_server()
            try:
                await until(lambda: cache.trouble, "the loss is noticed")
                lost_at = cache.fresh_at(time.time())
                await asyncio.sleep(0.5)
                assert cache.fresh_at(time.time()) == lost_at < time.time() - 0.4
                assert set(cache.objects) == {f"{home}/one"}
            finally:
                await asyncio.to_thread(control_plane.start_api_server)
            await api.create(maps_path(home), a_map("two"))
            await until(lambda: f"{home}/two" in cache.objects, "it follows again")
            await until(lambda: cache.fresh_at(time.time()) > time.time() - 1.0, "fresh again")


async def test_it_lists_anew_when_its_version_is_forgotten(control_plane: ControlPlane) -> None:
    async with an_api(control_plane) as api:
        home = await a_namespace(api)
        await api.create(maps_path(home), a_map("kept"))
        await api.create(maps_path(home), a_map("lost"))
        async with a_cache(api, home) as cache:
            await asyncio.wait_for(cache.synced(), 60)
            await until(lambda: cache.fresh_at(time.time()) > time.time() - 1.0, "fresh")
            told: list[str] = []
            cache.subscribe(lambda kind, obj, _: told.append(f"{kind} {obj['metadata']['name']}"))
            # The stream is cut while the world changes, and its version is forgotten meanwhile.
            cache._version = "1"
            await asyncio.to_thread(control_plane.forget_history)
            await until(lambda: cache.relists == 2, "a new list")
            await api.delete(maps_path(home, "lost"))
            await until(lambda: told == ["DELETED lost"], "it follows again")
            assert set(cache.objects) == {f"{home}/kept"}


async def test_a_connection_that_is_open_but_dead_is_given_up(control_plane: ControlPlane) -> None:
    limits = ApiSettings(timeout_seconds=2.0, silence_seconds=2.0)
    async with an_api(control_plane, limits) as api:
        home = await a_namespace(api)
        async with a_cache(api, home) as cache:
            await asyncio.wait_for(cache.synced(), 60)
            control_plane.freeze_api_server()
            try:
                await until(lambda: "no answer in time" in cache.trouble, "it is given up")
                assert cache.fresh_at(time.time()) < time.time() - 1.5
            finally:
                control_plane.thaw_api_server()
            await api.create(maps_path(home), a_map("one"))
            await until(lambda: f"{home}/one" in cache.objects, "it follows again")
