"""What is done between ticks: new nodes are of use soon, and hold up nobody."""

from __future__ import annotations

import asyncio

import pytest

from controller.adapters.kubernetes.names import CORDONED_BY, STATE, annotations_of, labels_of
from controller.errors import ActionRefusedError
from tests.unit.controller.kubernetes.cluster_objects import NOW, a_node_object, a_start
from tests.unit.controller.kubernetes.fake_server import FakeServer
from tests.unit.controller.kubernetes.test_cluster import Leads, gate, only_pod, running, say, until

NODES = 60


def a_new_pool() -> FakeServer:
    server = FakeServer()
    for number in range(NODES):
        server.put("nodes", a_node_object(f"n{number:02d}", spec={"unschedulable": False}))
    return server


def with_state(server: FakeServer, *states: str) -> int:
    return sum(labels_of(node).get(STATE) in states for node in server.all("nodes").values())


def cordoned(server: FakeServer) -> int:
    return sum(CORDONED_BY in annotations_of(node) for node in server.all("nodes").values())


async def test_new_nodes_are_all_cordoned_before_any_is_told_to_stand_by() -> None:
    server = a_new_pool()
    async with running(server):
        await until(lambda: cordoned(server) == NODES, "all are cordoned")
        # One look's writes are under way at once.
        assert with_state(server, "standby") < 25
        await until(lambda: with_state(server, "standby") == NODES, "all stand by")


async def test_nodes_that_are_refused_hold_up_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    # However soon they are tried again.
    monkeypatch.setattr("controller.adapters.kubernetes.housekeeping._PAUSE_SECONDS", 0.0)
    server = a_new_pool()
    server.refused = {f"n{number:02d}" for number in range(30)}
    async with running(server):
        await until(lambda: cordoned(server) == NODES - 30, "all others are cordoned")


async def test_a_start_and_its_gate_wait_for_no_marks() -> None:
    server = a_new_pool()
    server.put("nodes", a_node_object("n1"))
    server.background.clear()
    async with running(server) as cluster:
        await until(lambda: server.held_up >= 10, "so many marks are under way as may be")
        await cluster.act(a_start())
        restored = ("nvidia.com/Restored", "True", "RestoreSucceeded")
        say(server, only_pod(server), restored, ("ContainersReady", "True", ""))
        await until(lambda: gate(server) == "True", "the gate is open")
        # The claimed node alone: what a start writes is no mark.
        assert with_state(server, "claimed", "standby", "restoring", "serving", "unfit") == 1


async def test_a_node_seen_too_long_ago_is_not_marked() -> None:
    server = FakeServer()
    server.put("nodes", a_node_object())
    async with running(server) as cluster:
        await until(lambda: with_state(server, "standby") == 1, "it stands by")
        body = {"metadata": {"labels": {STATE: "serving"}}}
        with pytest.raises(ActionRefusedError, match="node n1: not marked, it was seen too long"):
            await cluster._writes.mark_node("n1", body, until=NOW - 1.0)
        await cluster._writes.mark_node("n1", body, until=NOW)
        assert with_state(server, "serving") == 1


async def test_everything_is_read_anew_once_however_many_ask() -> None:
    server = FakeServer()
    async with running(server, leader=Leads(held=False)) as cluster:
        before = server.lists
        await asyncio.gather(*(cluster._objects.confirm(8) for _ in range(3)))
        assert server.lists - before == 2  # nodes, and pods
