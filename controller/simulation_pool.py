"""The state of the simulated world: its nodes, the replicas on them, and what became of each.

Knows what may follow what, and nothing of when: the world in ``simulation`` decides that.
"""

from __future__ import annotations

from dataclasses import replace

from controller.actions import Start
from controller.cluster_view import Node, NodeName, Phase, Replica, ReplicaName
from controller.simulation_records import Outcome, RecordKind, ReplicaRecord
from controller.standby import node_state


def node_names(count: int) -> tuple[NodeName, ...]:
    """Return the names of ``count`` nodes, whose order as text is that of their numbers."""
    width = max(2, len(str(count - 1)))
    return tuple(NodeName(f"node-{number:0{width}d}") for number in range(count))


class SimulatedPool:
    """Nodes, replicas and records; every view of them is rebuilt only after a change."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._nodes: dict[NodeName, Node] = {}
        self._free_gpus: dict[NodeName, int] = {}
        self._replicas: dict[ReplicaName, Replica] = {}
        # By node: hundreds of replicas are not looked through for those of one.
        self._phases: dict[NodeName, dict[ReplicaName, Phase]] = {}
        self._records: dict[ReplicaName, ReplicaRecord] = {}
        self._node_view: tuple[Node, ...] | None = None
        self._replica_view: tuple[Replica, ...] | None = None

    @property
    def is_changed(self) -> bool:
        """Say whether anything has changed since both views were last asked for."""
        return self._node_view is None or self._replica_view is None

    def node_view(self) -> tuple[Node, ...]:
        """Return the nodes with their states, by name."""
        if self._node_view is None:
            self._node_view = tuple(self._nodes[name] for name in sorted(self._nodes))
        return self._node_view

    def replica_view(self) -> tuple[Replica, ...]:
        """Return the replicas that exist, in the order of their starts."""
        if self._replica_view is None:
            self._replica_view = tuple(self._replicas.values())
        return self._replica_view

    def records(self) -> tuple[ReplicaRecord, ...]:
        """Return a row for every replica that there ever was, in the order of their starts."""
        return tuple(self._records.values())

    def replica(self, name: ReplicaName) -> Replica | None:
        """Return a replica that exists."""
        return self._replicas.get(name)

    def has_record(self, name: ReplicaName) -> bool:
        """Say whether there ever was a replica of that name."""
        return name in self._records

    def record(self, name: ReplicaName) -> ReplicaRecord:
        """Return the row of a replica that there ever was."""
        return self._records[name]

    def note(self, record: ReplicaRecord) -> None:
        """Keep the row of what is no replica yet, and may never be."""
        self._records[record.replica] = record

    def refusal(self, start: Start) -> str | None:
        """Return why a start is not possible, None if it is."""
        refusal = self.room_refusal(start.node, start.gpus)
        if refusal is None and start.name in self._records:
            return f"{start.name} has been used: a new attempt needs a new name"
        return refusal

    def room_refusal(self, name: NodeName, gpus: int) -> str | None:
        """Return why a node can't give so many GPUs, None if it can."""
        node = self._nodes.get(name)
        if node is None:
            return f"{name} is gone"
        if node.unfit_reason:
            return f"{name} is unfit: {node.unfit_reason}"
        if self._free_gpus[name] < gpus:
            return f"{name} has {self._free_gpus[name]} free GPUs of {gpus}"
        return None

    def free_gpus(self) -> dict[NodeName, int]:
        """Return the unused GPUs of every fit node."""
        return {
            name: self._free_gpus[name]
            for name, node in self._nodes.items()
            if not node.unfit_reason
        }

    def emptiest_node(self, gpus: int) -> NodeName | None:
        """Return the fit node with most free GPUs, the first by name, if one has enough."""
        fit = [name for name, node in self._nodes.items() if not node.unfit_reason]
        best = min(fit, key=lambda name: (-self._free_gpus[name], name), default=None)
        return best if best is not None and self._free_gpus[best] >= gpus else None

    def add_node(self, name: NodeName, *, gpus: int) -> None:
        """Add an empty node, unless it is there."""
        if name not in self._nodes:
            self._nodes[name] = Node(name=name, gpus=gpus)
            self._free_gpus[name] = gpus
            self._node_view = None

    def remove_node(self, name: NodeName, now: float) -> None:
        """Take a node away; its replicas are lost."""
        if self._nodes.pop(name, None) is None:
            return
        self._node_view = None
        for replica in [self._replicas[one] for one in self._phases.get(name, ())]:
            # What had failed before its node went is not the node's doing.
            has_failed = replica.phase is Phase.FAILED
            self._end(replica, now, Outcome.FAILED if has_failed else Outcome.LOST)
        del self._free_gpus[name]

    def mark_unfit(self, name: NodeName, reason: str) -> None:
        """Let nothing more be started on a node, or, with no reason, again."""
        if name in self._nodes:
            self._nodes[name] = replace(self._nodes[name], unfit_reason=reason)
            self._refresh_node(name)

    def add_replica(self, replica: Replica, *, is_initial: bool = False) -> None:
        """Put a replica on its node; one that was parked goes on in its own row."""
        kind = RecordKind.INITIAL if is_initial else RecordKind(replica.kind.value)
        parked = self._records.get(replica.name)
        self._records[replica.name] = ReplicaRecord(
            replica=replica.name,
            workload=replica.workload,
            node=replica.node,
            kind=kind,
            decided_at=replica.decided_at if parked is None else parked.decided_at,
            started_at=replica.started_at,
            gpus=replica.gpus,
            ready_at=replica.ready_at,
            parked_at=None if parked is None else parked.parked_at,
            outcome=Outcome.SERVING if replica.phase is Phase.READY else Outcome.RESTORING,
        )
        self._free_gpus[replica.node] -= replica.gpus
        self._put(replica)

    def make_ready(self, name: ReplicaName, now: float) -> None:
        """End a restore well, if it is still wanted."""
        if (replica := self._replicas.get(name)) is not None:
            self._records[name] = replace(
                self._records[name], ready_at=now, outcome=Outcome.SERVING
            )
            self._put(replace(replica, phase=Phase.READY, ready_at=now))

    def make_failed(self, name: ReplicaName, now: float) -> None:
        """End a restore badly, if it is still wanted; its GPU is held until it is removed."""
        if (replica := self._replicas.get(name)) is not None:
            self._records[name] = replace(self._records[name], outcome=Outcome.FAILED)
            seconds = now - replica.started_at
            failure = f"{replica.kind} on {replica.node} failed after {seconds:.1f} s"
            self._put(replace(replica, phase=Phase.FAILED, failure=failure))

    def drain(self, name: ReplicaName) -> None:
        """Let a ready replica finish what it has."""
        self._put(replace(self._replicas[name], phase=Phase.DRAINING))

    def remove_drained(self, name: ReplicaName, now: float) -> None:
        """Remove a replica that has drained, unless it was lost meanwhile."""
        if (replica := self._replicas.get(name)) is not None:
            self._end(replica, now, Outcome.RELEASED)

    def remove_unready(self, name: ReplicaName, now: float) -> None:
        """Remove a replica that never became ready; past its deadline it counts as hung."""
        replica = self._replicas[name]
        if replica.phase is Phase.FAILED:
            outcome = Outcome.FAILED
        else:
            outcome = Outcome.HUNG if now >= replica.deadline_at else Outcome.CANCELLED
        self._end(replica, now, outcome)

    def _end(self, replica: Replica, now: float, outcome: Outcome) -> None:
        del self._replicas[replica.name]
        del self._phases[replica.node][replica.name]
        self._records[replica.name] = replace(
            self._records[replica.name], released_at=now, outcome=outcome
        )
        self._free_gpus[replica.node] += replica.gpus
        self._replica_view = None
        self._refresh_node(replica.node)

    def _put(self, replica: Replica) -> None:
        self._replicas[replica.name] = replica
        self._phases.setdefault(replica.node, {})[replica.name] = replica.phase
        self._replica_view = None
        self._refresh_node(replica.node)

    def _refresh_node(self, name: NodeName) -> None:
        node = self._nodes.get(name)
        if node is None:
            return
        state = node_state(node.unfit_reason, self._phases.get(name, {}).values())
        self._nodes[name] = replace(node, state=state)
        self._node_view = None
