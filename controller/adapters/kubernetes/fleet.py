"""The caches rendered as a fleet. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from controller.adapters.kubernetes.claims import Claim, claims_of, is_void
from controller.adapters.kubernetes.exchange import Json
from controller.adapters.kubernetes.nodes import (
    NodeRules,
    facts_of,
    incompatibility,
    is_ready_node,
    is_running_agent,
    mismatch,
)
from controller.adapters.kubernetes.pods import bound_node, gpus_of, is_ours, pinned_node
from controller.adapters.kubernetes.replicas import replica_from_claim, replica_from_pod
from controller.adapters.kubernetes.target_view import TargetView
from controller.cluster_view import Fleet, Node, NodeName, Replica
from controller.standby import node_from_facts
from models.forecast import WorkloadName


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What is known of the cluster: objects by key, and rules of ours.

    ``gone`` are pods that were seen to go, by ``namespace/name``. ``acting`` are the workloads
    that may change anything. ``agent_label`` is None if no agent is to be looked for.
    """

    nodes: Mapping[str, Json]
    pods: Mapping[str, Json]
    now: float
    seen_at: float
    gone: frozenset[str] = frozenset()
    rules: tuple[NodeRules, ...] = ()
    acting: frozenset[WorkloadName] = frozenset()
    agent_label: tuple[str, str] | None = None
    targets: TargetView = field(default_factory=TargetView)
    gpus_per_replica: int = 1


def valid_claims(node: Json, view: View) -> tuple[Claim, ...]:
    """Return the claims on a node that hold something."""
    return tuple(claim for claim in claims_of(node) if not _is_void(claim, view))


def waiting_claims(node: Json, view: View) -> tuple[Claim, ...]:
    """Return the claims on a node whose pods are still to come."""
    return tuple(claim for claim in valid_claims(node, view) if claim.pod not in view.pods)


def fleet_of(view: View) -> Fleet:
    """Return what exists of ours."""
    ready = {NodeName(name): is_ready_node(node) for name, node in view.nodes.items()}
    ours = [pod for pod in view.pods.values() if is_ours(pod)]
    replicas: list[Replica] = []
    ending: Counter[NodeName] = Counter()
    for pod in ours:
        replica = replica_from_pod(pod, ready)
        if replica is not None:
            replicas.append(replica)
        elif (bound := bound_node(pod)) is not None:
            ending[bound] += gpus_of(pod)
    for name, node in view.nodes.items():
        replicas += [replica_from_claim(c, NodeName(name)) for c in waiting_claims(node, view)]
    replicas += view.targets.replicas
    pods = _by_node(view)
    barred = _unfit_for(view)
    on_node: dict[NodeName, list[Replica]] = defaultdict(list)
    for replica in replicas:
        on_node[replica.node].append(replica)
    nodes = [
        _node(node, pods.get(NodeName(name), ()), on_node[NodeName(name)], ending, view)
        for name, node in sorted(view.nodes.items())
    ]
    return Fleet(
        seen_at=view.seen_at,
        nodes=tuple(_barred(node, barred) for node in nodes),
        replicas=tuple(replicas),
    )


def is_stray(pod: Json, view: View) -> bool:
    """Say whether a pod is on a node that is in the pool no more: it is to go."""
    node = bound_node(pod)
    return node is not None and node not in view.nodes


def is_used(node: Json, view: View) -> bool:
    """Say whether a workload that may act has this node in its pool."""
    return any(rule.workload in view.acting and not mismatch(node, rule) for rule in view.rules)


def _node(
    node: Json,
    present: Sequence[Json],
    replicas: Sequence[Replica],
    ending: Counter[NodeName],
    view: View,
) -> Node:
    """Return one node; ``present`` are the pods there that are no target's, replicas all there."""
    label = view.agent_label
    has_agent = label is None or any(is_running_agent(pod, label) for pod in present)
    name = NodeName(node["metadata"]["name"])
    facts = facts_of(node, present, has_agent=has_agent, gpus_ending=ending[name])
    return node_from_facts(facts, replicas, gpus_per_replica=view.gpus_per_replica)


def _by_node(view: View) -> dict[NodeName, list[Json]]:
    """Return the pods on each node, those left out that are shown as a target's replicas."""
    found: dict[NodeName, list[Json]] = defaultdict(list)
    for key, pod in view.pods.items():
        node = pinned_node(pod)
        if node is not None and key not in view.targets.pods:
            found[node].append(pod)
    return dict(found)


def _unfit_for(view: View) -> dict[str, list[tuple[WorkloadName, str]]]:
    """Return by node who must not use it, and why.

    A snapshot that fits no node of the pool bars none: the cold start needs one.
    """
    barred: dict[str, list[tuple[WorkloadName, str]]] = defaultdict(list)
    for rules in view.rules:
        allowed = {}
        for name, node in view.nodes.items():
            why = mismatch(node, rules)
            if why:
                barred[name].append((rules.workload, why))
            else:
                allowed[name] = incompatibility(node, rules.source)
        if not all(allowed.values()):
            for name, why in allowed.items():
                if why:
                    barred[name].append((rules.workload, why))
    return barred


def _barred(node: Node, barred: Mapping[str, list[tuple[WorkloadName, str]]]) -> Node:
    return Node(
        name=node.name,
        gpus=node.gpus,
        state=node.state,
        unfit_reason=node.unfit_reason,
        node_class=node.node_class,
        unfit_for=tuple(barred.get(node.name, ())),
    )


def _is_void(claim: Claim, view: View) -> bool:
    return is_void(
        claim,
        is_present=claim.pod in view.pods,
        was_seen_to_go=claim.pod in view.gone,
        now=view.now,
    )
