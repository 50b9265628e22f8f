from __future__ import annotations

import json

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

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
from models.series import MOST_PER_SECOND

times = st.floats(min_value=0, max_value=1e11)
spans = st.floats(min_value=0.001, max_value=86_400.0)
rates = st.floats(min_value=0, max_value=MOST_PER_SECOND)
sizes = st.floats(min_value=0, max_value=1e6)
names = st.text().map(WorkloadName)


@st.composite
def forecasts(draw: st.DrawFn, *, of_ours: bool = False) -> Forecast:
    levels = st.floats(min_value=0, max_value=1, exclude_min=True, exclude_max=True)
    quantiles = QUANTILES if of_ours else sorted(draw(st.sets(levels, max_size=4)))
    rows = draw(
        st.lists(st.lists(rates, min_size=len(quantiles), max_size=len(quantiles)), max_size=4)
    )
    return Forecast(
        workload=draw(names),
        issued_at=draw(times),
        step_seconds=draw(spans),
        quantiles=tuple(quantiles),
        values=np.array([sorted(row) for row in rows]).reshape(len(rows), len(quantiles)),
        basis=draw(st.text()),
    )


readings = st.builds(
    DemandReading,
    measured_at=times,
    window_seconds=spans,
    per_second=rates,
    sources=st.lists(st.tuples(st.text(), rates), max_size=3).map(tuple),
    is_at_least=st.booleans(),
)
outlooks = st.builds(
    Outlook,
    workload=names,
    published_at=times,
    reading=st.none() | readings,
    forecast=st.none() | forecasts(of_ours=True),
    degraded=st.lists(st.text(), max_size=3).map(tuple),
)
keys = st.builds(
    LeadTimeKey,
    snapshot=st.text(),
    node_class=st.text(),
    locality=st.text(),
    concurrency=st.integers(min_value=0),
    size_gib=st.none() | sizes,
)
measurements = st.builds(
    LeadTimeMeasurement,
    key=keys,
    at=times,
    seconds=st.floats(min_value=0, max_value=1e8),
    ready=st.booleans(),
)
json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def same(left: Forecast, right: Forecast) -> bool:
    assert_array_equal(left.values, right.values, strict=True)
    fields = ("workload", "issued_at", "step_seconds", "quantiles", "basis")
    return all(getattr(left, field) == getattr(right, field) for field in fields)


def over_the_wire(wire: dict[str, object]) -> dict[str, object]:
    received: dict[str, object] = json.loads(json.dumps(wire, allow_nan=False))
    return received


@given(forecast=forecasts())
def test_a_forecast_comes_back_as_it_was(forecast: Forecast) -> None:
    assert same(decode_forecast(over_the_wire(encode_forecast(forecast))), forecast)


@given(outlook=outlooks)
def test_an_outlook_comes_back_as_it_was(outlook: Outlook) -> None:
    back = decode_outlook(over_the_wire(encode_outlook(outlook)))
    assert (back.workload, back.published_at) == (outlook.workload, outlook.published_at)
    assert (back.reading, back.degraded) == (outlook.reading, outlook.degraded)
    assert (back.forecast is None) == (outlook.forecast is None)
    if back.forecast is not None and outlook.forecast is not None:
        assert same(back.forecast, outlook.forecast)


@given(measurement=measurements)
def test_a_measurement_comes_back_as_it_was(measurement: LeadTimeMeasurement) -> None:
    back = decode_measurement(over_the_wire(encode_measurement(measurement)))
    assert back == measurement
    assert back.key.size_gib == measurement.key.size_gib


@given(outlook=outlooks, data=st.data())
def test_whatever_arrives_is_decoded_or_refused_in_one_line(
    outlook: Outlook, data: st.DataObject
) -> None:
    wire = encode_outlook(outlook)
    inner = wire["forecast"]
    target = inner if isinstance(inner, dict) and data.draw(st.booleans()) else wire
    target[data.draw(st.sampled_from(sorted(target)))] = data.draw(json_values)
    said = ""
    try:
        decode_outlook(wire)
    except CodecError as refused:
        said = str(refused)
    assert len(said.splitlines()) <= 1
