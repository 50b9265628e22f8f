"""Where each node of the standby pool is in its round, and why a node may not be used.

Pure: facts in, states and reasons out. Reading nodes and marking them belongs to the adapters.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from controller.cluster_view import Fleet, Node, NodeName, NodeState, Phase, Replica

#: Which phase names a node's state when its replicas differ: what holds the disk goes first.
_STATE_BY_PHASE: tuple[tuple[Phase, NodeState], ...] = (
    (Phase.RESTORING, NodeState.RESTORING),
    (Phase.READY, NodeState.SERVING),
    (Phase.DRAINING, NodeState.DRAINING),
    # A failed replica holds its GPU until it is removed: the node is on its way back.
    (Phase.FAILED, NodeState.DRAINING),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFacts:
    """What a cluster says of one node of the pool; a fact that it can't tell keeps its default.

    ``gpus_foreign`` are held by pods that are not ours, ``gpus_ending`` by such of ours as are
    no replicas any more. ``is_uncordoned_by_others``: we cordoned it, and it is not any more.
    """

    name: NodeName
    gpus_allocatable: int
    is_ready: bool = True
    is_cordoned: bool = True
    has_agent: bool = True
    is_leaving: bool = False
    node_class: str = ""
    gpus_foreign: int = 0
    gpus_ending: int = 0
    is_uncordoned_by_others: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolSummary:
    """The standby pool in numbers.

    ``counts`` has every state, also those with no node; ``free_gpus`` counts fit nodes only;
    ``unfit`` names each node that can't be used, with its reason, by name.
    """

    counts: Mapping[NodeState, int]
    free_gpus: int
    unfit: tuple[tuple[NodeName, str], ...] = ()


def unfit_reason(facts: NodeFacts, *, gpus_per_replica: int = 1) -> str:
    """Return why no replica may be started on a node, or an empty string if one may."""
    if facts.is_leaving:
        return "marked for deletion by an autoscaler"
    if not facts.is_ready:
        return "not Ready"
    if facts.is_uncordoned_by_others:
        return "uncordoned by somebody else: cordon it again to give it back"
    if not facts.is_cordoned:
        return "not cordoned"
    if facts.gpus_allocatable == 0:
        return "no allocatable GPU: is the device plugin up?"
    if facts.gpus_allocatable < gpus_per_replica:
        return f"{facts.gpus_allocatable} GPUs, a replica needs {gpus_per_replica}"
    if facts.gpus_foreign and facts.gpus_allocatable - facts.gpus_foreign < gpus_per_replica:
        return "GPU taken by a foreign pod"
    return "" if facts.has_agent else "no restore agent"


def _usable_gpus(facts: NodeFacts) -> int:
    return max(0, facts.gpus_allocatable - facts.gpus_foreign - facts.gpus_ending)


def node_state(unfit: str, phases: Iterable[Phase]) -> NodeState:
    """Return the state of a node from its unfit reason and the phases of the replicas on it."""
    if unfit:
        return NodeState.UNFIT
    present = frozenset(phases)
    for phase, state in _STATE_BY_PHASE:
        if phase in present:
            return state
    return NodeState.STANDBY


def node_from_facts(
    facts: NodeFacts, replicas: Iterable[Replica], *, gpus_per_replica: int = 1
) -> Node:
    """Return the node as a fleet shows it: its state and, if unfit, the reason."""
    unfit = unfit_reason(facts, gpus_per_replica=gpus_per_replica)
    phases = [replica.phase for replica in replicas if replica.node == facts.name]
    return Node(
        name=facts.name,
        gpus=_usable_gpus(facts),
        state=node_state(unfit, phases),
        unfit_reason=unfit,
        node_class=facts.node_class,
    )


def pool_summary(fleet: Fleet) -> PoolSummary:
    """Return how many nodes are in each state, the free GPUs, and why nodes are unfit."""
    phases: dict[NodeName, list[Phase]] = {}
    for replica in fleet.replicas:
        phases.setdefault(replica.node, []).append(replica.phase)
    counts = Counter(
        node_state(node.unfit_reason, phases.get(node.name, ())) for node in fleet.nodes
    )
    return PoolSummary(
        counts={state: counts[state] for state in NodeState},
        free_gpus=sum(max(0, gpus) for gpus in fleet.free_gpus().values()),
        unfit=tuple(
            sorted((node.name, node.unfit_reason) for node in fleet.nodes if node.unfit_reason)
        ),
    )
