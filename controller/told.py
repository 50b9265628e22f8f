"""What has been told of each workload so far, as values and as JSON. Pure.

It is what makes an event new: told once, and after a restart not again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from controller.cluster_view import NodeName, ReplicaName, StartKind
from models.fields import CodecError, Fields


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldReplica:
    """A replica whose start was told; whether it was told ready, and whether its end was.

    ``latest_at`` is the time of the last thing told of it; ``is_overdue`` says that it was seen
    about to pass its deadline, ``is_pooled`` that its node was one of the standby pool.
    """

    name: ReplicaName
    node: NodeName
    kind: StartKind
    attempt: int
    gpus: int
    started_at: float
    deadline_at: float | None
    latest_at: float
    is_pooled: bool = False
    is_overdue: bool = False
    was_ready: bool = False
    is_over: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldRamp:
    """The rise told last: how many replicas it needs, and when it was last in the forecast."""

    needed: int
    seen_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What has been told of one workload.

    ``turning_since`` is since when the forecast is other than told, None while it is as told.
    """

    replicas: Mapping[ReplicaName, ToldReplica] = field(default_factory=dict)
    ramp: ToldRamp | None = None
    lead_time_seconds: float | None = None
    is_degraded: bool = False
    turning_since: float | None = None

    def to_json(self) -> str:
        """Return it as JSON."""
        content = asdict(self)
        content["replicas"] = [asdict(replica) for replica in self.replicas.values()]
        return json.dumps(content)


def told_of_json(text: str) -> Told:
    """Return what was written.

    Raises:
        CodecError: if it can't be read.
    """
    try:
        wire = Fields(json.loads(text), "told")
        replicas = [_replica(one) for one in wire.array("replicas")]
        ramp = wire.get("ramp")
        return Told(
            replicas={replica.name: replica for replica in replicas},
            ramp=None if ramp is None else _ramp(ramp),
            lead_time_seconds=_maybe(wire, "lead_time_seconds"),
            is_degraded=wire.flag("is_degraded"),
            turning_since=_maybe(wire, "turning_since"),
        )
    except json.JSONDecodeError as error:
        raise CodecError(f"told: no JSON: {error}") from error


def _replica(value: object) -> ToldReplica:
    wire = Fields(value, "told.replicas")
    kind = wire.text("kind")
    if kind not in list(StartKind):
        raise CodecError(f"told.replicas.kind: {kind!r} given, restore or cold is allowed")
    return ToldReplica(
        name=ReplicaName(wire.text("name")),
        node=NodeName(wire.text("node")),
        kind=StartKind(kind),
        attempt=wire.whole("attempt"),
        gpus=wire.whole("gpus"),
        started_at=wire.number("started_at"),
        deadline_at=_maybe(wire, "deadline_at"),
        latest_at=wire.number("latest_at"),
        is_pooled=wire.flag("is_pooled"),
        is_overdue=wire.flag("is_overdue"),
        was_ready=wire.flag("was_ready"),
        is_over=wire.flag("is_over"),
    )


def _ramp(value: object) -> ToldRamp:
    wire = Fields(value, "told.ramp")
    return ToldRamp(needed=wire.whole("needed"), seen_at=wire.number("seen_at"))


def _maybe(wire: Fields, name: str) -> float | None:
    return None if wire.get(name) is None else wire.number(name)
