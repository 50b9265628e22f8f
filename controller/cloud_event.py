"""What happened to a workload, as a CloudEvent in structured JSON. Pure.

Attributes are those of CloudEvents 1.0 (https://github.com/cloudevents/spec/blob/v1.0.2), with its
``partitionkey`` extension; deploy/events has a JSON Schema for the envelope and one for each type.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from models.forecast import WorkloadName

CONTENT_TYPE = "application/cloudevents+json; charset=UTF-8"
_PREFIX = "dev.headstart."
_SCHEMAS = "https://headstart.dev/events/"


class EventKind(StrEnum):
    """What can be told; with the prefix ``dev.headstart.`` the event's type."""

    RAMP_PREDICTED = "ramp.predicted"
    RESTORE_STARTED = "restore.started"
    RESTORE_READY = "restore.ready"
    RESTORE_FAILED = "restore.failed"
    REPLICA_RELEASED = "replica.released"
    LEAD_TIME_CHANGED = "leadtime.changed"
    FORECAST_DEGRADED = "forecast.degraded"
    FORECAST_RECOVERED = "forecast.recovered"


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudEvent:
    """One thing that happened to ``workload`` at ``time``, in seconds since the epoch.

    ``about`` and ``kind`` make the id: telling the same thing again, whoever does, gives the same
    id. ``data`` is JSON-ready; its times are seconds since the epoch.
    """

    kind: EventKind
    workload: WorkloadName
    about: str
    time: float
    data: Mapping[str, object]

    @property
    def id(self) -> str:
        """Return what tells this event from all others of its source."""
        return f"{self.kind}/{self.about}"

    def to_json(self) -> str:
        """Return the event in structured mode."""
        return json.dumps(
            {
                "specversion": "1.0",
                "id": self.id,
                "source": f"/headstart/workloads/{self.workload}",
                "type": f"{_PREFIX}{self.kind}",
                "subject": self.workload,
                "time": rfc3339(self.time),
                "datacontenttype": "application/json",
                "dataschema": f"{_SCHEMAS}{self.kind}.json",
                "partitionkey": self.workload,
                "data": {"workload": self.workload, **self.data},
            },
            allow_nan=False,
        )


def rfc3339(seconds: float) -> str:
    """Write a time as RFC 3339 does, in UTC, to the millisecond."""
    text = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
