"""The index of pods, told of one change after another, is that of the pods that are left."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from controller.adapters.kubernetes.names import POLICY, REPLICA
from controller.adapters.kubernetes.pod_index import PodIndex
from controller.cluster_view import NodeName, ReplicaName

_NAMES, _NODES = ("a", "b", "c"), ("node-0", "node-1")


def a_pod(name: str, node: str | None, *, is_ours: bool) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": name, "namespace": "default"}
    if is_ours:
        metadata |= {"labels": {POLICY: "chat"}, "annotations": {REPLICA: f"replica-{name}"}}
    return {"metadata": metadata, "spec": {"nodeName": node} if node else {}}


CHANGES = st.lists(
    st.tuples(
        st.sampled_from(("ADDED", "MODIFIED", "DELETED")),
        st.sampled_from(_NAMES),
        st.sampled_from((None, *_NODES)),
        st.booleans(),
    ),
    max_size=20,
)


@given(CHANGES)
def test_what_is_found_is_what_a_look_at_every_pod_finds(
    changes: list[tuple[str, str, str | None, bool]],
) -> None:
    index, left = PodIndex(), dict[str, tuple[str | None, bool]]()
    for kind, name, node, is_ours in changes:
        index.take(kind, a_pod(name, node, is_ours=is_ours))
        if kind == "DELETED":
            left.pop(name, None)
        else:
            left[name] = (node, is_ours)
    assert sorted(index.ours) == sorted(f"default/{name}" for name in left if left[name][1])
    for name in _NAMES:
        is_replica = name in left and left[name][1]
        expected = f"default/{name}" if is_replica else None
        assert index.pod_of(ReplicaName(f"replica-{name}")) == expected
    for node in _NODES:
        there = sorted(f"default/{name}" for name in left if left[name][0] == node)
        assert sorted(index.on_node(NodeName(node))) == there
