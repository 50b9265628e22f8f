import dataclasses

import pytest

from controller.cluster_view import NodeName, NodeState, Phase
from controller.standby import NodeFacts, node_from_facts, node_state, pool_summary, unfit_reason
from tests.builders import a_fleet, a_node, a_replica

GOOD = NodeFacts(name=NodeName("node-00"), gpus_allocatable=8)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, ""),
        ({"is_leaving": True}, "marked for deletion"),
        ({"is_ready": False}, "not Ready"),
        ({"is_cordoned": False}, "not cordoned"),
        ({"is_cordoned": False, "is_uncordoned_by_others": True}, "uncordoned by somebody else"),
        ({"gpus_foreign": 7}, "taken by a foreign pod"),
        ({"gpus_foreign": 6}, ""),
        ({"gpus_allocatable": 0}, "device plugin"),
        ({"gpus_allocatable": 1}, "1 GPUs, a replica needs 2"),
        ({"has_agent": False}, "no restore agent"),
    ],
)
def test_a_node_is_unfit_for_the_first_reason_that_holds(
    changes: dict[str, bool | int], reason: str
) -> None:
    facts = dataclasses.replace(GOOD, **changes)  # type: ignore[arg-type]
    found = unfit_reason(facts, gpus_per_replica=2)
    assert reason in found
    assert bool(found) == bool(reason)


@pytest.mark.parametrize(
    ("phases", "state"),
    [
        ([], NodeState.STANDBY),
        ([Phase.READY, Phase.RESTORING], NodeState.RESTORING),
        ([Phase.DRAINING, Phase.READY], NodeState.SERVING),
        ([Phase.DRAINING], NodeState.DRAINING),
        ([Phase.FAILED], NodeState.DRAINING),
    ],
)
def test_a_nodes_state_follows_from_its_replicas(phases: list[Phase], state: NodeState) -> None:
    assert node_state("", phases) is state


def test_an_unfit_node_is_unfit_whatever_runs_on_it() -> None:
    assert node_state("not Ready", [Phase.READY]) is NodeState.UNFIT


def test_a_node_from_facts_counts_only_its_own_replicas() -> None:
    replicas = [a_replica(node="node-01", phase=Phase.RESTORING), a_replica(node="node-00")]
    node = node_from_facts(GOOD, replicas)
    assert (node.state, node.gpus, node.unfit_reason) == (NodeState.SERVING, 8, "")


def test_the_summary_counts_every_state_and_names_the_unfit() -> None:
    fleet = a_fleet(
        a_replica("a", node="node-00"),
        a_replica("b", node="node-01", phase=Phase.RESTORING),
        nodes=(
            a_node("node-00"),
            a_node("node-01", gpus=4),
            a_node("node-02"),
            a_node("node-03", gpus=8, unfit_reason="not Ready"),
        ),
    )
    summary = pool_summary(fleet)
    assert summary.counts == {
        NodeState.STANDBY: 1,
        NodeState.RESTORING: 1,
        NodeState.SERVING: 1,
        NodeState.DRAINING: 0,
        NodeState.UNFIT: 1,
    }
    assert summary.free_gpus == 4
    assert summary.unfit == (("node-03", "not Ready"),)
