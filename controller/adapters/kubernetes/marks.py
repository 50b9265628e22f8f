"""What is to be written on a node of the pool: cordon, taint, state, and claims that hold. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from controller.adapters.kubernetes.claims import Claim, claims_text
from controller.adapters.kubernetes.exchange import Json
from controller.adapters.kubernetes.fleet import (
    View,
    fleet_of,
    is_used,
    valid_claims,
    waiting_claims,
)
from controller.adapters.kubernetes.names import (
    CLAIM,
    CORDONED_BY,
    PROTECTION,
    STANDBY_TAINT,
    STATE,
    UNFIT_REASON,
    annotations_of,
    labels_of,
)
from controller.adapters.kubernetes.nodes import is_cordoned, is_leaving
from controller.cluster_view import Node, NodeName, NodeState

#: What is to be written on a node: its name, and a merge patch.
Mark = tuple[NodeName, Json]

_TAINT = {"key": STANDBY_TAINT, "effect": "NoSchedule"}
_CORDONER = "headstart"


def marks_due(view: View) -> list[Mark]:
    """Return what is to be written on the nodes of those that may act, where anything is."""
    due: list[Mark] = []
    for seen in fleet_of(view).nodes:
        node = view.nodes[seen.name]
        if is_used(node, view):
            claims, is_claimed = valid_claims(node, view), bool(waiting_claims(node, view))
            body = marks_patch(node, seen, claims=claims, is_claimed=is_claimed)
            due += [(seen.name, body)] if body else []
    return due


def is_preparing(body: Json) -> bool:
    """Say whether a mark makes a node of use, and does not only tell of it."""
    return "spec" in body


def marks_patch(node: Json, seen: Node, *, claims: Sequence[Claim], is_claimed: bool) -> Json:
    """Return the merge patch that brings a node's marks up to date, empty if they are.

    ``claims`` are those that hold; ``is_claimed``: some wait for their pods. A node that was
    uncordoned by somebody else stays so, and a node that is leaving is not prepared any more.
    """
    labels: dict[str, Any] = {}
    notes: dict[str, Any] = {}
    spec: dict[str, Any] = {}
    if not is_leaving(node):
        _prepare(node, notes, spec)
    state = "claimed" if is_claimed and not seen.unfit_reason else seen.state.value
    if labels_of(node).get(STATE) != state:
        labels[STATE] = state
    reason = seen.unfit_reason if seen.state is NodeState.UNFIT else None
    if annotations_of(node).get(UNFIT_REASON) != (reason or None):
        notes[UNFIT_REASON] = reason or None
    if annotations_of(node).get(CLAIM) != claims_text(claims):
        notes[CLAIM] = claims_text(claims)
    return _patch(node, labels, notes, spec)


def claims_patch(node: Json, claims: Iterable[Claim]) -> Json:
    """Return the merge patch that writes these claims, if the node has not changed meanwhile."""
    return _patch(node, {STATE: "claimed"}, {CLAIM: claims_text(claims)}, {})


def claims_kept_patch(node: Json, claims: Iterable[Claim]) -> Json:
    """Return the merge patch that leaves these claims of a node; its state is told by its marks."""
    return _patch(node, {}, {CLAIM: claims_text(claims)}, {})


def _prepare(node: Json, notes: dict[str, Any], spec: dict[str, Any]) -> None:
    known = annotations_of(node)
    if CORDONED_BY not in known and not is_cordoned(node):
        spec["unschedulable"] = True
        notes[CORDONED_BY] = _CORDONER
    taints = (node.get("spec") or {}).get("taints") or []
    if all(taint.get("key") != STANDBY_TAINT for taint in taints):
        spec["taints"] = [*taints, _TAINT]
    notes |= {key: value for key, value in PROTECTION.items() if known.get(key) != value}


def _patch(node: Json, labels: Json, notes: Json, spec: Json) -> Json:
    if not (labels or notes or spec):
        return {}
    metadata: Json = {"resourceVersion": node["metadata"]["resourceVersion"]}
    if labels:
        metadata["labels"] = labels
    if notes:
        metadata["annotations"] = notes
    return {"metadata": metadata, **({"spec": spec} if spec else {})}
