"""What a restart shall not lose of a workload, as JSON-ready numbers and back. Pure.

Kept in the local store as in a policy's status. Whatever stands there, nothing is taken up that
can't be learned: every workload's plans are made in the same turn, and one would stop them all.
"""

from __future__ import annotations

from controller.objective import (
    HIGHEST_LEAD_QUANTILE,
    LEAST_LEVEL,
    MOST_LEVEL,
    USUAL_LEAD_QUANTILE,
    Calibration,
)
from controller.outcomes import Outcomes
from controller.tick_state import WorkloadState
from models.fields import Fields
from models.series import MOST_PER_SECOND

#: Three thousand years. Of more, the seconds from tick to tick would be rounded away.
_MOST_SECONDS = 1e11


def encode_memory(workload: WorkloadState) -> dict[str, float]:
    """Return a workload's calibration and the demand that it has seen."""
    return {
        "level": workload.calibration.level,
        "leadTimeQuantile": workload.calibration.lead_time_quantile,
        "peakPerSecond": workload.outcomes.peak_per_second,
        "usualPerSecond": workload.outcomes.usual_per_second,
        "seenSeconds": workload.outcomes.seen_seconds,
    }


def decode_memory(wire: object) -> WorkloadState:
    """Return a state with what was encoded, and otherwise as at the beginning.

    Raises:
        CodecError: if a field is missing, wrong, or beyond what can be learned.
    """
    fields = Fields(wire, "calibration")
    return WorkloadState(
        calibration=Calibration(
            level=fields.between("level", LEAST_LEVEL, MOST_LEVEL),
            lead_time_quantile=fields.between(
                "leadTimeQuantile", USUAL_LEAD_QUANTILE, HIGHEST_LEAD_QUANTILE
            ),
        ),
        outcomes=Outcomes(
            peak_per_second=fields.between("peakPerSecond", 0.0, MOST_PER_SECOND),
            usual_per_second=fields.between("usualPerSecond", 0.0, MOST_PER_SECOND),
            seen_seconds=fields.between("seenSeconds", 0.0, _MOST_SECONDS),
        ),
    )
