"""The caches rendered as a fleet. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from controller.adapters.kubernetes.claims import Claim, claims_of, is_void
from controller.adapters.kubernetes.dues import Due, due_of
from controller.adapters.kubernetes.exchange import Json
from controller.adapters.kubernetes.nodes import (
    NodeRules,
    facts_of,
    is_ready_node,
    is_running_agent,
    mismatch,
)
from controller.adapters.kubernetes.pod_index import PodIndex
from controller.adapters.kubernetes.pods import bound_node, gpus_of, workload_of
from controller.adapters.kubernetes.remembered import Remembered
from controller.adapters.kubernetes.rendered import RenderedReplicas
from controller.adapters.kubernetes.replicas import replica_from_claim
from controller.adapters.kubernetes.target_view import TargetView
from controller.cluster_view import Fleet, Node, NodeName, Replica
from controller.standby import node_from_facts
from models.forecast import WorkloadName


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What is known of the cluster: objects by key, and rules of ours.

    ``gone`` are pods that were seen to go, by ``namespace/name``. ``acting`` are the workloads
    that may change anything. ``agent_label`` is None if no agent is to be looked for.
    ``index`` is that of the pods, if there is one already.
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
    rendered: RenderedReplicas = field(default_factory=RenderedReplicas, compare=False)
    dues: Remembered[Due | None] = field(default_factory=lambda: Remembered(due_of), compare=False)
    index: PodIndex | None = field(default=None, compare=False)


def valid_claims(node: Json, view: View) -> tuple[Claim, ...]:
    """Return the claims on a node that hold something."""
    return tuple(claim for claim in claims_of(node) if not _is_void(claim, view))


def waiting_claims(node: Json, view: View) -> tuple[Claim, ...]:
    """Return the claims on a node whose pods are still to come."""
    return tuple(claim for claim in valid_claims(node, view) if claim.pod not in view.pods)


def fleet_of(view: View) -> Fleet:
    """Return what exists of ours."""
    index = view.index or PodIndex.of(view.pods)
    ready = {NodeName(name): is_ready_node(node) for name, node in view.nodes.items()}
    replicas: list[Replica] = []
    ending: Counter[NodeName] = Counter()
    ending_of: Counter[WorkloadName] = Counter()
    for key in index.ours:
        pod = view.pods[key]
        replica = view.rendered.of(key, pod, ready)
        if replica is not None:
            replicas.append(replica)
        elif (bound := bound_node(pod)) is not None:
            ending[bound] += gpus_of(pod)
            # A node that died ends nothing: who waits for it would wait for people.
            if ready.get(bound, False):
                ending_of[workload_of(pod)] += gpus_of(pod)
    for name, node in view.nodes.items():
        replicas += [replica_from_claim(c, NodeName(name)) for c in waiting_claims(node, view)]
    replicas += view.targets.replicas
    barred = _unfit_for(view)
    on_node: dict[NodeName, list[Replica]] = defaultdict(list)
    for replica in replicas:
        on_node[replica.node].append(replica)
    nodes = [
        _node(node, _present(NodeName(name), view, index), on_node[NodeName(name)], ending, view)
        for name, node in sorted(view.nodes.items())
    ]
    return Fleet(
        seen_at=view.seen_at,
        nodes=tuple(_barred(node, barred) for node in nodes),
        replicas=tuple(replicas),
        ending_gpus=tuple(ending_of.items()),
    )


def at_node(view: View, node: Json) -> View:
    """Return what a view shows of one node, seen as given; who must not use it is left out."""
    name = NodeName(node["metadata"]["name"])
    index = view.index or PodIndex.of(view.pods)
    pods = {key: view.pods[key] for key in index.on_node(name)}
    there = tuple(one for one in view.targets.replicas if one.node == name)
    targets = replace(view.targets, replicas=there)
    return replace(view, nodes={name: node}, pods=pods, rules=(), targets=targets, index=None)


def is_stray(node: NodeName | None, view: View) -> bool:
    """Say whether a pod bound to ``node`` is in the pool no more: it is to go."""
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


def _present(node: NodeName, view: View, index: PodIndex) -> list[Json]:
    """Return the pods on a node, those left out that are shown as a target's replicas."""
    keys = index.on_node(node)
    return [view.pods[key] for key in keys if key not in view.targets.pods]


def _unfit_for(view: View) -> dict[str, tuple[tuple[WorkloadName, str], ...]]:
    """Return by node who must not use it, and why.

    Most workloads ask the same of a node, so it is asked once for all of them.
    """
    alike: dict[tuple[tuple[str, str], ...], list[WorkloadName]] = defaultdict(list)
    for rules in view.rules:
        alike[rules.selector].append(rules.workload)
    barred: dict[str, tuple[tuple[WorkloadName, str], ...]] = defaultdict(tuple)
    for selector, workloads in alike.items():
        rules = NodeRules(workload=workloads[0], selector=selector)
        told: dict[str, tuple[tuple[WorkloadName, str], ...]] = {}
        for name, node in view.nodes.items():
            why = mismatch(node, rules)
            if why and why not in told:
                told[why] = tuple((workload, why) for workload in workloads)
            if why:
                barred[name] += told[why]
    return barred


def _barred(node: Node, barred: Mapping[str, tuple[tuple[WorkloadName, str], ...]]) -> Node:
    unfit_for = barred.get(node.name)
    return replace(node, unfit_for=unfit_for) if unfit_for else node


def _is_void(claim: Claim, view: View) -> bool:
    return is_void(
        claim,
        is_present=claim.pod in view.pods,
        was_seen_to_go=claim.pod in view.gone,
        now=view.now,
    )
