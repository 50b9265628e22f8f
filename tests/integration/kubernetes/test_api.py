"""Our client on a real API server: every verb, what it refuses, and watches."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from controller.adapters.kubernetes.api import KubernetesApi, PatchKind
from controller.adapters.kubernetes.errors import (
    ConflictError,
    GoneError,
    NotFoundError,
    RefusedError,
    UnavailableError,
)
from controller.adapters.kubernetes.exchange import ApiSettings, Json
from tests.integration.kubernetes.live_api import a_map, a_namespace, an_api, maps_path
from tests.parts.control_plane import ControlPlane


async def test_an_object_s_life(control_plane: ControlPlane) -> None:
    async with an_api(control_plane) as api:
        home = await a_namespace(api)
        made = await api.create(maps_path(home), a_map("one", a="1"))
        path = maps_path(home, "one")
        assert (await api.get(path))["data"] == {"a": "1"}
        changed = await api.replace(path, {**made, "data": {"a": "2"}})
        assert changed["data"] == {"a": "2"}
        with pytest.raises(ConflictError):
            await api.delete(path, seen=made)
        await api.delete(path, seen=changed)
        with pytest.raises(NotFoundError):
            await api.get(path)


async def test_a_write_upon_an_old_version_and_a_taken_name_are_conflicts(
    control_plane: ControlPlane,
) -> None:
    async with an_api(control_plane) as api:
        home = await a_namespace(api)
        made = await api.create(maps_path(home), a_map("one"))
        await api.replace(maps_path(home, "one"), {**made, "data": {"a": "2"}})
        with pytest.raises(ConflictError):
            await api.replace(maps_path(home, "one"), {**made, "data": {"a": "3"}})
        with pytest.raises(ConflictError) as caught:
            await api.create(maps_path(home), a_map("one"))
        assert caught.value.reason == "AlreadyExists"


async def test_every_kind_of_patch(control_plane: ControlPlane) -> None:
    async with an_api(control_plane) as api:
        home = await a_namespace(api)
        path = maps_path(home, "one")
        made = await api.create(maps_path(home), a_map("one", a="1"))
        merged = await api.patch(path, {"data": {"b": "2"}})
        assert merged["data"] == {"a": "1", "b": "2"}
        strategic = await api.patch(path, {"data": {"a": None}}, kind=PatchKind.STRATEGIC)
        assert strategic["data"] == {"b": "2"}
        version = {"op": "test", "path": "/metadata/resourceVersion"}
        change = {"op": "replace", "path": "/data/b", "value": "3"}
        stale = [{**version, "value": made["metadata"]["resourceVersion"]}, change]
        with pytest.raises(RefusedError) as caught:
            await api.patch(path, stale, kind=PatchKind.JSON)
        assert caught.value.status == 422
        newest = [{**version, "value": strategic["metadata"]["resourceVersion"]}, change]
        assert (await api.patch(path, newest, kind=PatchKind.JSON))["data"] == {"b": "3"}
        applied = await api.patch(path, a_map("one", c="4"), kind=PatchKind.APPLY)
        assert applied["data"] == {"b": "3", "c": "4"}
        managers = {entry["manager"] for entry in applied["metadata"]["managedFields"]}
        assert managers == {"headstart"}


async def test_a_list_of_several_pages_is_whole(control_plane: ControlPlane) -> None:
    async with an_api(control_plane) as api:
        home = await a_namespace(api)
        for number in range(7):
            await api.create(maps_path(home), a_map(f"m{number}"))
        query = {"labelSelector": "test=headstart", "limit": "3"}
        listing = await api.list(maps_path(home), query)
        assert [one["metadata"]["name"] for one in listing.items] == [f"m{i}" for i in range(7)]
        assert int(listing.resource_version) > 0


async def test_a_pod_that_is_not_there_can_t_be_evicted(control_plane: ControlPlane) -> None:
    async with an_api(control_plane) as api:
        home = await a_namespace(api)
        nobody = {"name": "nobody", "namespace": home, "uid": "u", "resourceVersion": "1"}
        with pytest.raises(NotFoundError):
            await api.evict({"metadata": nobody})


async def test_a_watch_tells_what_happens_after_the_list(control_plane: ControlPlane) -> None:
    async with an_api(control_plane) as api:
        home = await a_namespace(api)
        listing = await api.list(maps_path(home), {"labelSelector": "test=headstart"})
        seen: list[tuple[str, str]] = []
        stream = api.watch(
            maps_path(home),
            {"labelSelector": "test=headstart"},
            resource_version=listing.resource_version,
        )
        async with aclosing(stream) as events, asyncio.timeout(60):
            assert await anext(events) is None
            await api.create(maps_path(home), a_map("one"))
            await api.patch(maps_path(home, "one"), {"data": {"a": "1"}})
            await api.delete(maps_path(home, "one"))
            async for event in events:
                if event is not None and event["type"] != "BOOKMARK":
                    seen.append((event["type"], event["object"]["metadata"]["name"]))
                if len(seen) == 3:
                    break
        assert seen == [("ADDED", "one"), ("MODIFIED", "one"), ("DELETED", "one")]


async def test_a_watch_from_a_version_that_is_forgotten_is_gone(
    control_plane: ControlPlane,
) -> None:
    async with an_api(control_plane) as api:
        home = await a_namespace(api)
        old = (await api.list(maps_path(home))).resource_version
        await api.create(maps_path(home), a_map("one"))
    control_plane.forget_history()
    async with an_api(control_plane) as api:
        with pytest.raises(GoneError):
            await all_events(api, maps_path(home), old)


async def all_events(api: KubernetesApi, path: str, version: str) -> list[Json]:
    stream = api.watch(path, {}, resource_version=version)
    async with asyncio.timeout(60):
        return [event async for event in stream if event is not None]


async def test_a_frozen_server_costs_a_call_its_time_limit_alone(
    control_plane: ControlPlane,
) -> None:
    async with an_api(control_plane, ApiSettings(timeout_seconds=1.0)) as api:
        await api.get("/version")
        control_plane.freeze_api_server()
        try:
            with pytest.raises(UnavailableError, match="no answer in time"):
                await asyncio.wait_for(api.get("/version"), 30)
        finally:
            control_plane.thaw_api_server()
        assert (await api.get("/version"))["major"] == "1"
