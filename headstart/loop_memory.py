"""What the loop learned outlives a restart: kept in the local store, taken up again from there."""

from __future__ import annotations

import itertools
import json
import logging
from collections.abc import Callable

from controller.evidence_codec import encode_evidence, with_evidence
from controller.memory_codec import decode_memory, encode_memory
from controller.tick_report import TickReport
from controller.tick_state import TickState, WorkloadState
from models.codec import CodecError, decode_measurement, encode_measurement
from models.forecast import WorkloadName
from models.lead_time import LeadTimeMeasurement, LeadTimes, learn, measurements
from predictor.adapters.store import Store

_log = logging.getLogger(__name__)
_START, _CALIBRATION, _EVIDENCE = "start", "calibration", "evidence"
#: The level moves by hundredths a minute: what a restart loses of it is small.
_KEEP_SECONDS = 60.0
#: What was found of levels fades over weeks, and is ten times as long: of many workloads it is kept
#: once in so many times, each time of others.
_MOST_TURNS = 60


def remembered(store: Store) -> TickState:
    """Take up every stored start, and each workload's newest calibration and evidence for it.

    What can't be read is skipped, and said.
    """
    lead_times = LeadTimes()
    for row in store.read(_START):
        try:
            lead_times = learn(lead_times, decode_measurement(json.loads(row.json)))
        except (CodecError, ValueError, RecursionError) as error:
            _log.warning("a stored start of %s can't be used: %s", row.key, error)
    workloads: dict[WorkloadName, WorkloadState] = {}
    for row in store.read(_CALIBRATION):
        try:
            workloads[WorkloadName(row.key)] = decode_memory(json.loads(row.json))
        except (CodecError, ValueError, RecursionError) as error:
            _log.warning("a stored calibration of %s can't be used: %s", row.key, error)
    _take_up_evidence(store, workloads)
    return TickState(workloads=workloads, lead_times=lead_times)


def _take_up_evidence(store: Store, workloads: dict[WorkloadName, WorkloadState]) -> None:
    newest = {WorkloadName(row.key): row.json for row in store.read(_EVIDENCE)}
    for name in newest.keys() & workloads.keys():
        try:
            workloads[name] = with_evidence(workloads[name], json.loads(newest[name]))
        except (CodecError, ValueError, RecursionError) as error:
            _log.warning("stored evidence of %s can't be used: %s", name, error)


class LoopMemory:
    """Appends to the store each start once it has been measured, and now and then what was learned.

    That is each workload's calibration, and less often the evidence for it.
    """

    def __init__(self, store: Store, state: Callable[[], TickState]) -> None:
        """Take what the loop begins with as stored already."""
        self._store, self._state = store, state
        self._seen = state().lead_times
        self._kept: set[LeadTimeMeasurement] = set(measurements(self._seen))
        # What was read before a file was put aside is not in the new one, whenever that was.
        self._files = 0
        self._calibrated_at = float("-inf")
        self._turn: int | None = None

    def observe(self, report: TickReport) -> None:
        """Keep what the last tick has learned; called after every tick.

        What can't be kept now, as another holds the file, is tried again after the next one.
        """
        if self._turn is None:
            # Not always that of the same: a process may live for less than all turns take.
            self._turn = int(report.now // _KEEP_SECONDS)
        state = self._state()
        new = self._new_starts(state.lead_times)
        rows = [(_START, one.key.snapshot, json.dumps(encode_measurement(one))) for one in new]
        # Also if the clock was set back.
        is_due = abs(report.now - self._calibrated_at) >= _KEEP_SECONDS
        if is_due:
            rows += [
                (_CALIBRATION, name, json.dumps(encode_memory(workload)))
                for name, workload in state.workloads.items()
            ]
            rows += _evidence(state, self._turn)
        if not self._store.append_all(rows):
            return
        if self._store.begun_anew != self._files:
            # Older starts were put aside with their file: they are kept anew with the next tick.
            self._files, self._seen, self._kept = self._store.begun_anew, LeadTimes(), set(new)
        elif state.lead_times is not self._seen:
            self._seen, self._kept = state.lead_times, set(measurements(state.lead_times))
        if is_due:
            self._calibrated_at = report.now
            self._turn += 1

    def _new_starts(self, lead_times: LeadTimes) -> list[LeadTimeMeasurement]:
        """Return the starts that are not kept yet."""
        if lead_times is self._seen:
            return []
        return [one for one in measurements(lead_times) if one not in self._kept]


def _evidence(state: TickState, turn: int) -> list[tuple[str, str, str]]:
    """Return the rows of those whose turn it is, where levels are compared."""
    turns = min(max(len(state.workloads), 1), _MOST_TURNS)
    due = itertools.islice(state.workloads.items(), turn % turns, None, turns)
    found = [(name, encode_evidence(workload)) for name, workload in due]
    return [(_EVIDENCE, name, json.dumps(one)) for name, one in found if one is not None]
