"""The drivers that can act here, by name."""

from __future__ import annotations

from collections.abc import Mapping

from controller.adapters.kubernetes.drivers.driver import Driver
from controller.adapters.kubernetes.drivers.dynamo_checkpoint_legacy import DynamoCheckpointLegacy
from controller.adapters.kubernetes.drivers.gke_pod_snapshot import GkePodSnapshot
from controller.adapters.kubernetes.drivers.nvidia_snapshot import NvidiaSnapshot

_ALL: tuple[Driver, ...] = (NvidiaSnapshot(), GkePodSnapshot(), DynamoCheckpointLegacy())
DRIVERS: Mapping[str, Driver] = {driver.name: driver for driver in _ALL}
