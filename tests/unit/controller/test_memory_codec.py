"""What a restart shall not lose of a workload goes through JSON and back."""

from __future__ import annotations

import json

import pytest

from controller.memory_codec import decode_memory, encode_memory
from controller.objective import (
    HIGHEST_LEAD_QUANTILE,
    LEAST_LEVEL,
    MOST_LEVEL,
    USUAL_LEAD_QUANTILE,
    Calibration,
)
from controller.outcomes import Outcomes
from controller.tick_state import WorkloadState
from models.codec import CodecError
from models.series import MOST_PER_SECOND
from tests.unit.bad_memories import BAD_MEMORIES

LEAST = WorkloadState(
    calibration=Calibration(level=LEAST_LEVEL, lead_time_quantile=USUAL_LEAD_QUANTILE)
)
MOST = WorkloadState(
    calibration=Calibration(level=MOST_LEVEL, lead_time_quantile=HIGHEST_LEAD_QUANTILE),
    outcomes=Outcomes(
        peak_per_second=MOST_PER_SECOND, usual_per_second=MOST_PER_SECOND, seen_seconds=1e11
    ),
)


@pytest.mark.parametrize("memory", [LEAST, MOST])
def test_the_least_and_the_most_that_can_be_learned_come_back(memory: WorkloadState) -> None:
    assert decode_memory(json.loads(json.dumps(encode_memory(memory)))) == memory


@pytest.mark.parametrize(("field", "value"), BAD_MEMORIES)
def test_what_can_t_be_learned_is_refused_by_its_field(field: str, value: object) -> None:
    with pytest.raises(CodecError, match=rf"^calibration\.{field}: "):
        decode_memory({**encode_memory(MOST), field: value})


@pytest.mark.parametrize("wire", [None, [], "none", {"level": 1.0}])
def test_what_is_no_calibration_is_refused(wire: object) -> None:
    with pytest.raises(CodecError, match=r"^calibration"):
        decode_memory(wire)
