"""What is done between ticks: what pods wait for does not wait for the marks of a large pool."""

from __future__ import annotations

from controller.adapters.kubernetes.names import STATE, labels_of
from tests.unit.controller.kubernetes.cluster_objects import a_node_object, a_start
from tests.unit.controller.kubernetes.fake_server import FakeServer
from tests.unit.controller.kubernetes.test_cluster import Leads, gate, only_pod, running, say, until

NODES = 60


def a_pool() -> FakeServer:
    server = FakeServer()
    for number in range(1, NODES + 1):
        server.put("nodes", a_node_object(f"n{number}"))
    return server


def marked(server: FakeServer) -> int:
    return sum(bool(labels_of(node).get(STATE)) for node in server.all("nodes").values())


async def test_a_new_pool_is_marked_in_several_looks() -> None:
    server, leader = a_pool(), Leads(held=False)
    async with running(server, leader=leader) as cluster:
        leader.held = True
        counts = []
        while await cluster._housekeeping.mark_nodes():
            counts.append(marked(server))
    assert counts == [25, 50]
    assert marked(server) == NODES


async def test_all_of_a_new_pool_is_marked_without_further_news() -> None:
    server = a_pool()
    async with running(server):
        await until(lambda: marked(server) == NODES, "all nodes are marked")


async def test_a_start_and_its_gate_wait_for_no_marks() -> None:
    server = a_pool()
    server.background.clear()
    async with running(server) as cluster:
        await cluster.act(a_start())
        restored = ("nvidia.com/Restored", "True", "RestoreSucceeded")
        say(server, only_pod(server), restored, ("ContainersReady", "True", ""))
        await until(lambda: gate(server) == "True", "the gate is open")
        # The claimed node alone: what a start writes is no mark.
        assert marked(server) == 1
