"""The one definition of the wire form: values to JSON-ready dictionaries and back.

Keys are camelCase with the unit in the name, times are seconds since the epoch, numbers are finite.
What is decoded equals what was encoded, to the last bit. Must not read or write anything itself.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping

import numpy as np

from models.fields import CodecError, Fields, as_list, as_number, as_text, refuse
from models.forecast import QUANTILES, FloatArray, Forecast, WorkloadName
from models.lead_time_values import LeadTimeKey, LeadTimeMeasurement
from models.outlook import DemandReading, Outlook
from models.series import MOST_PER_SECOND

__all__ = [
    "CodecError",
    "decode_forecast",
    "decode_measurement",
    "decode_outlook",
    "encode_forecast",
    "encode_measurement",
    "encode_outlook",
]

#: Who plans multiplies and divides by these. What nobody can mean would end as no number at all,
#: and would cost the plans of every workload that are made in the same turn.
_LATEST = 1e11  # seconds since the epoch: three thousand years
_SHORTEST_SECONDS, _LONGEST_SECONDS = 0.001, 86_400.0
#: Years; more, and nobody can tell from it how long starts take.
_LONGEST_START_SECONDS = 1e8
#: As large as policies let a snapshot be.
_MOST_GIB = 1e6
#: What is known to come may be many times what was ever measured.
_MOST_FORECAST = 1000 * MOST_PER_SECOND


def encode_forecast(forecast: Forecast) -> dict[str, object]:
    """Return a forecast, JSON-ready: one row of ``values`` a step, one column a quantile.

    Raises:
        CodecError: if a number is not finite.
    """
    return {
        "workload": str(forecast.workload),
        "issuedAt": as_number(forecast.issued_at, "forecast.issuedAt"),
        "stepSeconds": as_number(forecast.step_seconds, "forecast.stepSeconds"),
        "quantiles": [as_number(quantile, "forecast.quantiles") for quantile in forecast.quantiles],
        "values": forecast.values.tolist(),
        "basis": forecast.basis,
    }


def decode_forecast(wire: Mapping[str, object]) -> Forecast:
    """Return the forecast that was encoded.

    Raises:
        CodecError: if a field is missing or wrong.
    """
    return _forecast(wire, "forecast")


def encode_outlook(outlook: Outlook) -> dict[str, object]:
    """Return an outlook, JSON-ready; ``reading`` and ``forecast`` are null where there is none.

    Raises:
        CodecError: if a number is not finite.
    """
    return {
        "workload": str(outlook.workload),
        "publishedAt": as_number(outlook.published_at, "outlook.publishedAt"),
        "reading": None if outlook.reading is None else _encode_reading(outlook.reading),
        "forecast": None if outlook.forecast is None else encode_forecast(outlook.forecast),
        "degraded": list(outlook.degraded),
    }


def decode_outlook(wire: Mapping[str, object]) -> Outlook:
    """Return the outlook that was encoded; its forecast has the quantiles that plans are made of.

    Raises:
        CodecError: if a field is missing or wrong.
    """
    fields = Fields(wire, "outlook")
    reading, forecast = fields.get("reading"), fields.get("forecast")
    return Outlook(
        workload=WorkloadName(fields.text("workload")),
        published_at=fields.between("publishedAt", 0.0, _LATEST),
        reading=None if reading is None else _reading(reading, fields.at("reading")),
        forecast=None if forecast is None else _our_forecast(forecast, fields.at("forecast")),
        degraded=_texts(fields.array("degraded"), fields.at("degraded")),
    )


def encode_measurement(measurement: LeadTimeMeasurement) -> dict[str, object]:
    """Return a lead-time measurement, JSON-ready."""
    key = measurement.key
    return {
        "snapshot": key.snapshot,
        "nodeClass": key.node_class,
        "locality": key.locality,
        "concurrency": key.concurrency,
        "kind": key.kind,
        "sizeGib": key.size_gib,
        "at": measurement.at,
        "seconds": measurement.seconds,
        "ready": measurement.ready,
        "failed": measurement.failed,
    }


def decode_measurement(wire: Mapping[str, object]) -> LeadTimeMeasurement:
    """Return the lead-time measurement that was encoded.

    Raises:
        CodecError: if a field is missing or wrong.
    """
    fields = Fields(wire, "measurement")
    ready, failed = fields.flag("ready"), fields.flag("failed")
    if ready and failed:
        refuse(fields.at("failed"), failed, "false, of an attempt that became ready,")
    return LeadTimeMeasurement(
        key=LeadTimeKey(
            snapshot=fields.text("snapshot"),
            node_class=fields.text("nodeClass"),
            locality=fields.text("locality"),
            concurrency=fields.whole("concurrency"),
            kind=fields.text("kind"),
            size_gib=_size(fields),
        ),
        at=fields.number("at"),
        seconds=fields.between("seconds", 0.0, _LONGEST_START_SECONDS),
        ready=ready,
        failed=failed,
    )


def _size(fields: Fields) -> float | None:
    name = "sizeGib"
    return None if fields.get(name) is None else fields.between(name, 0.0, _MOST_GIB)


def _our_forecast(wire: object, path: str) -> Forecast:
    forecast = _forecast(wire, path)
    if forecast.quantiles != QUANTILES:
        refuse(f"{path}.quantiles", list(forecast.quantiles), str(list(QUANTILES)))
    return forecast


def _forecast(wire: object, path: str) -> Forecast:
    fields = Fields(wire, path)
    quantiles = _quantiles(fields.array("quantiles"), fields.at("quantiles"))
    values = _values(fields.array("values"), len(quantiles), fields.at("values"))
    return Forecast(
        workload=WorkloadName(fields.text("workload")),
        issued_at=fields.between("issuedAt", 0.0, _LATEST),
        step_seconds=fields.between("stepSeconds", _SHORTEST_SECONDS, _LONGEST_SECONDS),
        quantiles=quantiles,
        values=values,
        basis=fields.text("basis"),
    )


def _quantiles(wire: Iterable[object], path: str) -> tuple[float, ...]:
    quantiles = tuple(as_number(item, f"{path}[{i}]") for i, item in enumerate(wire))
    inside = all(0 < quantile < 1 for quantile in quantiles)
    if not inside or any(high <= low for low, high in itertools.pairwise(quantiles)):
        refuse(path, list(quantiles), "a list that rises, between 0 and 1,")
    return quantiles


def _values(wire: list[object], columns: int, path: str) -> FloatArray:
    values = np.empty((len(wire), columns))
    for i, item in enumerate(wire):
        values[i] = _row(item, columns, f"{path}[{i}]")
    return values


def _row(wire: object, columns: int, path: str) -> list[float]:
    row = as_list(wire, path)
    if len(row) != columns:
        refuse(path, row, f"a list of {columns} numbers, one a quantile,")
    numbers = [as_number(item, f"{path}[{j}]") for j, item in enumerate(row)]
    falls = any(high < low for low, high in itertools.pairwise(numbers))
    if falls or (numbers and numbers[0] < 0):
        refuse(path, row, "a list of at least 0 that never falls")
    if numbers and numbers[-1] > _MOST_FORECAST:
        refuse(path, row, f"a list of at most {_MOST_FORECAST:g}")
    return numbers


def _encode_reading(reading: DemandReading) -> dict[str, object]:
    path = "outlook.reading"
    return {
        "measuredAt": as_number(reading.measured_at, f"{path}.measuredAt"),
        "windowSeconds": as_number(reading.window_seconds, f"{path}.windowSeconds"),
        "perSecond": as_number(reading.per_second, f"{path}.perSecond"),
        "sources": [
            {"name": name, "perSecond": as_number(per_second, f"{path}.sources.{name}")}
            for name, per_second in reading.sources
        ],
        # Nearly every reading is exact, and says nothing of it.
        **({"isAtLeast": True} if reading.is_at_least else {}),
    }


def _reading(wire: object, path: str) -> DemandReading:
    fields = Fields(wire, path)
    return DemandReading(
        measured_at=fields.between("measuredAt", 0.0, _LATEST),
        window_seconds=fields.between("windowSeconds", _SHORTEST_SECONDS, _LONGEST_SECONDS),
        per_second=fields.between("perSecond", 0.0, MOST_PER_SECOND),
        sources=tuple(
            _source(item, f"{fields.at('sources')}[{i}]")
            for i, item in enumerate(fields.array("sources"))
        ),
        is_at_least=fields.find("isAtLeast") is not None and fields.flag("isAtLeast"),
    )


def _source(wire: object, path: str) -> tuple[str, float]:
    fields = Fields(wire, path)
    return fields.text("name"), fields.between("perSecond", 0.0, MOST_PER_SECOND)


def _texts(wire: Iterable[object], path: str) -> tuple[str, ...]:
    return tuple(as_text(item, f"{path}[{i}]") for i, item in enumerate(wire))
