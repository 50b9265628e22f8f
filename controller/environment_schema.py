"""The environment file as it is written: camelCase fields, their types and ranges. No defaults.

A field left out stays None, and takes the default of its value in ``controller.environment``.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from controller.field_types import Above0, AtLeast0, Count, Switch
from controller.schema import Says, Schema

Share = Annotated[float, Field(ge=0, le=1), Says("must be a number from 0 to 1")]
# Beyond this a lognormal has no spread that anybody measured, and its mean overflows.
Sigma = Annotated[float, Field(ge=0, le=5), Says("must be a number from 0 to 5")]
# A start of more than a day is an outage, and a pool of more nodes no one cluster.
Latency = Annotated[
    float, Field(gt=0, le=86400), Says("must be a number above 0 and of at most 86400")
]
Nodes = Annotated[int, Field(ge=1, le=100_000), Says("must be a whole number from 1 to 100000")]
OnANode = Annotated[int, Field(ge=1, le=1024), Says("must be a whole number from 1 to 1024")]


class LatencySchema(Schema):
    """``restore``, ``coldStart``, and what a change gives of them."""

    median_seconds: Latency | None = None
    sigma: Sigma | None = None
    failure_share: Share | None = None
    hang_share: Share | None = None
    timeout_seconds: Above0 | None = None


class HostPartSchema(Schema):
    """What a change gives of ``parking``: a node's memory stays as it is."""

    median_seconds: Latency | None = None
    sigma: Sigma | None = None


class ParkingSchema(HostPartSchema):
    """``parking``: the host part, where restores have two stages."""

    per_node: OnANode | None = None


class ChangeSchema(Schema):
    """One entry of ``changes``."""

    at_seconds: AtLeast0
    restore: LatencySchema | None = None
    cold_start: LatencySchema | None = None
    parking: HostPartSchema | None = None


class StandbySchema(Schema):
    """``standby``."""

    nodes: Nodes | None = None
    gpus_per_node: OnANode | None = None


class OutageSchema(Schema):
    """One entry of ``metrics.outages``."""

    from_seconds: AtLeast0
    to_seconds: AtLeast0


class MetricsSchema(Schema):
    """``metrics``."""

    delay_seconds: AtLeast0 | None = None
    outages: list[OutageSchema] | None = None


class NodeLossSchema(Schema):
    """One entry of ``nodeLosses``; nodes are counted from 0."""

    at_seconds: AtLeast0
    node: Count
    back_at_seconds: AtLeast0 | None = None


class EnvironmentSchema(Schema):
    """The whole file."""

    restore: LatencySchema | None = None
    cold_start: LatencySchema | None = None
    changes: list[ChangeSchema] | None = None
    standby: StandbySchema | None = None
    metrics: MetricsSchema | None = None
    node_losses: list[NodeLossSchema] | None = None
    parking: ParkingSchema | None = None
    learning: Switch | None = None
    seed: Count | None = None
