from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from models.codec import (
    CodecError,
    decode_forecast,
    decode_measurement,
    decode_outlook,
    encode_forecast,
    encode_measurement,
    encode_outlook,
)
from models.forecast import QUANTILES, Forecast, WorkloadName
from models.lead_time import LeadTimeKey, LeadTimeMeasurement
from models.outlook import DemandReading, Outlook

FORECAST = Forecast(
    workload=WorkloadName("chat"),
    issued_at=1000.5,
    step_seconds=10.0,
    quantiles=(0.5, 0.9),
    values=np.array([[1.0, 2.0], [3.0, 4.5]]),
    basis="blend",
)
OUTLOOK = Outlook(
    workload=WorkloadName("chat"),
    published_at=1001.0,
    reading=DemandReading(
        measured_at=1000.0,
        window_seconds=10.0,
        per_second=2.5,
        sources=(("prometheus", 2.5), ("kafka", 2.0)),
    ),
    forecast=replace(FORECAST, quantiles=QUANTILES, values=np.arange(10.0).reshape(2, 5)),
    degraded=("kafka: 3 poison events",),
)
MEASUREMENT = LeadTimeMeasurement(
    key=LeadTimeKey(snapshot="chat-7b", node_class="h100", locality="local", size_gib=16.0),
    at=1000.0,
    seconds=11.5,
    ready=True,
)


def forecast_wire(**changes: object) -> dict[str, Any]:
    return {**encode_forecast(FORECAST), **changes}


def outlook_wire(**changes: object) -> dict[str, Any]:
    return {**encode_outlook(OUTLOOK), **changes}


def measurement_wire(**changes: object) -> dict[str, Any]:
    return {**encode_measurement(MEASUREMENT), **changes}


def test_a_forecast_is_written_with_camel_case_keys_and_plain_numbers() -> None:
    assert json.loads(json.dumps(encode_forecast(FORECAST))) == {
        "workload": "chat",
        "issuedAt": 1000.5,
        "stepSeconds": 10.0,
        "quantiles": [0.5, 0.9],
        "values": [[1.0, 2.0], [3.0, 4.5]],
        "basis": "blend",
    }


def test_a_measurement_is_written_with_its_key_beside_it() -> None:
    assert encode_measurement(MEASUREMENT) == {
        "snapshot": "chat-7b",
        "nodeClass": "h100",
        "locality": "local",
        "concurrency": 1,
        "kind": "restore",
        "sizeGib": 16.0,
        "at": 1000.0,
        "seconds": 11.5,
        "ready": True,
        "failed": False,
    }


def test_an_outlook_before_the_first_answer_has_nulls() -> None:
    empty = Outlook(workload=WorkloadName("chat"), published_at=5.0, reading=None, forecast=None)
    wire = encode_outlook(empty)
    assert (wire["reading"], wire["forecast"], wire["degraded"]) == (None, None, [])
    assert decode_outlook(wire) == empty


def test_a_reading_of_part_of_demand_says_so_and_others_say_nothing_of_it() -> None:
    assert OUTLOOK.reading is not None
    part = replace(OUTLOOK, reading=replace(OUTLOOK.reading, is_at_least=True))
    assert encode_outlook(part)["reading"] == {
        **outlook_wire()["reading"],
        "isAtLeast": True,
    }
    assert decode_outlook(encode_outlook(part)).reading == part.reading
    assert "isAtLeast" not in outlook_wire()["reading"]


def test_a_field_of_a_newer_writer_is_ignored() -> None:
    assert decode_outlook(outlook_wire(mood="fine")).reading == OUTLOOK.reading


def test_whole_numbers_are_numbers() -> None:
    assert decode_forecast(forecast_wire(stepSeconds=10)).step_seconds == 10.0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"stepSeconds": 0},
            "forecast.stepSeconds: 0.0 given, a number from 0.001 to 86400 is allowed",
        ),
        (
            {"stepSeconds": 5e-324},
            "forecast.stepSeconds: 5e-324 given, a number from 0.001 to 86400 is allowed",
        ),
        (
            {"issuedAt": -1e300},
            "forecast.issuedAt: -1e+300 given, a number from 0 to 1e+11 is allowed",
        ),
        (
            {"values": [[1, 1e308]]},
            "forecast.values[0]: [1, 1e+308] given, a list of at most 1e+15 is allowed",
        ),
        ({"stepSeconds": "10"}, "forecast.stepSeconds: '10' given, a finite number is allowed"),
        ({"issuedAt": True}, "forecast.issuedAt: True given, a finite number is allowed"),
        ({"issuedAt": math.inf}, "forecast.issuedAt: inf given, a finite number is allowed"),
        ({"issuedAt": None}, "forecast.issuedAt: None given, a finite number is allowed"),
        ({"workload": 7}, "forecast.workload: 7 given, a string is allowed"),
        ({"values": {}}, "forecast.values: {} given, a list is allowed"),
        (
            {"values": [[1, 2], [1]]},
            "forecast.values[1]: [1] given, a list of 2 numbers, one a quantile, is allowed",
        ),
        (
            {"values": [[2, 1]]},
            "forecast.values[0]: [2, 1] given, a list of at least 0 that never falls is allowed",
        ),
        (
            {"values": [[-1, 1]]},
            "forecast.values[0]: [-1, 1] given, a list of at least 0 that never falls is allowed",
        ),
        (
            {"values": [[1, math.nan]]},
            "forecast.values[0][1]: nan given, a finite number is allowed",
        ),
        (
            {"quantiles": [0.9, 0.5]},
            "forecast.quantiles: [0.9, 0.5] given, a list that rises, between 0 and 1, is allowed",
        ),
        (
            {"quantiles": [0.5, 1]},
            "forecast.quantiles: [0.5, 1.0] given, a list that rises, between 0 and 1, is allowed",
        ),
    ],
)
def test_a_wrong_forecast_is_refused_in_one_line(changes: dict[str, object], message: str) -> None:
    with pytest.raises(CodecError) as refused:
        decode_forecast(forecast_wire(**changes))
    assert str(refused.value) == message


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"reading": 3}, "outlook.reading: 3 given, an object is allowed"),
        ({"degraded": [3]}, "outlook.degraded[0]: 3 given, a string is allowed"),
        (
            {"forecast": forecast_wire(stepSeconds=-1)},
            "outlook.forecast.stepSeconds: -1.0 given, a number from 0.001 to 86400 is allowed",
        ),
        (
            {"forecast": forecast_wire()},
            "outlook.forecast.quantiles: [0.5, 0.9] given, [0.5, 0.8, 0.9, 0.95, 0.99] is allowed",
        ),
        (
            {"publishedAt": 1e300},
            "outlook.publishedAt: 1e+300 given, a number from 0 to 1e+11 is allowed",
        ),
        (
            {"reading": {"measuredAt": 1, "windowSeconds": 1, "perSecond": -2, "sources": []}},
            "outlook.reading.perSecond: -2.0 given, a number from 0 to 1e+12 is allowed",
        ),
        (
            {"reading": {"measuredAt": 1, "windowSeconds": 1, "perSecond": 1e308, "sources": []}},
            "outlook.reading.perSecond: 1e+308 given, a number from 0 to 1e+12 is allowed",
        ),
        (
            {"reading": {"measuredAt": 1, "windowSeconds": 0, "perSecond": 2, "sources": []}},
            "outlook.reading.windowSeconds: 0.0 given, a number from 0.001 to 86400 is allowed",
        ),
        (
            {"reading": {"measuredAt": 1, "windowSeconds": 1e308, "perSecond": 2, "sources": []}},
            "outlook.reading.windowSeconds: 1e+308 given, a number from 0.001 to 86400 is allowed",
        ),
        (
            {
                "reading": {
                    "measuredAt": 1,
                    "windowSeconds": 1,
                    "perSecond": 2,
                    "sources": [{"name": "kafka"}],
                }
            },
            "outlook.reading.sources[0].perSecond: nothing given, this field is required",
        ),
    ],
)
def test_a_wrong_outlook_is_refused_in_one_line(changes: dict[str, object], message: str) -> None:
    with pytest.raises(CodecError) as refused:
        decode_outlook(outlook_wire(**changes))
    assert str(refused.value) == message


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ready": 1}, "measurement.ready: 1 given, true or false is allowed"),
        (
            {"concurrency": -1},
            "measurement.concurrency: -1 given, a whole number of at least 0 is allowed",
        ),
        (
            {"concurrency": True},
            "measurement.concurrency: True given, a whole number of at least 0 is allowed",
        ),
        (
            {"failed": True},
            "measurement.failed: True given, false, of an attempt that became ready, is allowed",
        ),
        (
            {"sizeGib": -1},
            "measurement.sizeGib: -1.0 given, a number from 0 to 1e+06 is allowed",
        ),
        (
            {"sizeGib": 1.7e308},
            "measurement.sizeGib: 1.7e+308 given, a number from 0 to 1e+06 is allowed",
        ),
    ],
)
def test_a_wrong_measurement_is_refused_in_one_line(
    changes: dict[str, object], message: str
) -> None:
    with pytest.raises(CodecError) as refused:
        decode_measurement(measurement_wire(**changes))
    assert str(refused.value) == message


def test_a_missing_field_is_named() -> None:
    wire = forecast_wire()
    del wire["basis"]
    with pytest.raises(CodecError, match=r"^forecast\.basis: nothing given, this field is requir"):
        decode_forecast(wire)


def test_a_number_beyond_any_float_is_refused_in_a_short_line() -> None:
    with pytest.raises(CodecError) as refused:
        decode_forecast(forecast_wire(issuedAt=10**400))
    assert len(str(refused.value)) < 150


def test_a_long_text_with_line_breaks_is_refused_in_one_line() -> None:
    with pytest.raises(CodecError) as refused:
        decode_forecast(forecast_wire(stepSeconds="ten\n" * 1000))
    assert "\n" not in str(refused.value)


def test_what_is_not_an_object_is_refused() -> None:
    with pytest.raises(CodecError, match=r"^forecast: \[1\] given, an object is allowed$"):
        decode_forecast([1])  # type: ignore[arg-type]


def test_a_number_that_is_not_finite_is_never_written() -> None:
    assert OUTLOOK.reading is not None
    missing = replace(OUTLOOK, reading=replace(OUTLOOK.reading, per_second=math.nan))
    with pytest.raises(CodecError, match=r"^outlook\.reading\.perSecond: nan given"):
        encode_outlook(missing)
