"""Measured starts outlive a restart: kept in the local store, learned again from there."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable

from controller.tick_report import TickReport
from controller.tick_state import TickState
from models.codec import CodecError, decode_measurement, encode_measurement
from models.lead_time import LeadTimeMeasurement, LeadTimes, learn, measurements
from predictor.adapters.store import Store

_log = logging.getLogger(__name__)
_KIND = "start"


def remembered(store: Store) -> LeadTimes:
    """Learn again from every stored start; one that can't be read is skipped, and said."""
    lead_times = LeadTimes()
    for row in store.read(_KIND):
        try:
            lead_times = learn(lead_times, decode_measurement(json.loads(row.json)))
        except (CodecError, ValueError) as error:
            _log.warning("a stored start of %s can't be used: %s", row.key, error)
    return lead_times


class StartMemory:
    """Appends each start to the store once it has been measured."""

    def __init__(self, store: Store, state: Callable[[], TickState]) -> None:
        """Take what the loop begins with as stored already."""
        self._store, self._state = store, state
        self._seen = state().lead_times
        self._kept: set[LeadTimeMeasurement] = set(measurements(self._seen))

    def observe(self, report: TickReport) -> None:
        """Keep what the last tick has measured; called after every tick."""
        lead_times = self._state().lead_times
        if lead_times is self._seen:
            return
        self._seen = lead_times
        now_held = measurements(lead_times)
        for measurement in now_held:
            if measurement not in self._kept:
                text = json.dumps(encode_measurement(measurement))
                self._store.append(_KIND, measurement.key.snapshot, text)
        self._kept = set(now_held)
