"""The index of pods, told of one change after another, is that of the pods that are left."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from controller.adapters.kubernetes.names import POLICY, REPLICA
from controller.adapters.kubernetes.pod_index import PodIndex
from controller.cluster_view import NodeName, ReplicaName

_NAMES, _NODES = ("a", "b", "c"), ("node-0", "node-1")


def a_pod(name: str, node: str | None, replica: str, *, is_ours: bool) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": name, "namespace": "default"}
    if is_ours:
        metadata |= {"labels": {POLICY: "chat"}, "annotations": {REPLICA: replica}}
    return {"metadata": metadata, "spec": {"nodeName": node} if node else {}}


CHANGES = st.lists(
    st.tuples(
        st.sampled_from(("ADDED", "MODIFIED", "DELETED")),
        st.sampled_from(_NAMES),
        st.sampled_from((None, *_NODES)),
        st.booleans(),
        st.sampled_from(("replica-0", "replica-1")),
    ),
    max_size=20,
)


@given(CHANGES)
def test_what_is_found_is_what_a_look_at_every_pod_finds(
    changes: list[tuple[str, str, str | None, bool, str]],
) -> None:
    index, left = PodIndex(), dict[str, tuple[str | None, bool, str]]()
    for kind, name, node, is_ours, replica in changes:
        index.take(kind, a_pod(name, node, replica, is_ours=is_ours))
        if kind == "DELETED":
            left.pop(name, None)
        else:
            left[name] = (node, is_ours, replica)
    assert sorted(index.ours) == sorted(f"default/{name}" for name in left if left[name][1])
    for replica in ("replica-0", "replica-1"):
        copies = [f"default/{one}" for one in left if left[one][1] and left[one][2] == replica]
        found = index.pod_of(ReplicaName(replica))
        assert found in copies if copies else found is None
    for node in _NODES:
        there = sorted(f"default/{name}" for name in left if left[name][0] == node)
        assert sorted(index.on_node(NodeName(node))) == there
