"""Reads the body of a Prometheus range query, strictly. Pure: bytes in, samples out."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.forecast import FloatArray
from models.series import MOST_PER_SECOND
from predictor.errors import SourceUnavailableError

#: Rates are differences of floats: a hair below zero is zero.
ROUNDING = 1e-9
#: Prometheus keeps times in milliseconds.
TIME_TOLERANCE_SECONDS = 2e-3
MAX_QUOTED = 200
NO_SERIES = "the query matches no series"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """The times asked for: ``points`` of them, the first at ``first``, seconds since the epoch."""

    first: float
    step_seconds: float
    points: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RangeAnswer:
    """A value for each time of the grid, NaN where missing, and what the server remarked."""

    values: FloatArray
    warnings: tuple[str, ...]


def parse_range(body: bytes, grid: Grid) -> RangeAnswer:
    """Return the one series of an answer with status 200.

    Raises:
        SourceUnavailableError: with one line that says what is wrong with the answer.
    """
    answer = _json(body)
    if answer.get("status") != "success":
        raise SourceUnavailableError(server_error(200, body))
    data = answer.get("data")
    if not isinstance(data, dict) or data.get("resultType") != "matrix":
        kind = data.get("resultType") if isinstance(data, dict) else None
        raise SourceUnavailableError(f"answered a {kind or 'result of no type'}, not a matrix")
    result = data.get("result")
    if not isinstance(result, list):
        raise SourceUnavailableError("answered a matrix without a list of series")
    warnings = (*_texts(answer.get("warnings")), *_texts(answer.get("infos")))
    if len(result) > 1:
        raise SourceUnavailableError(
            f"the query returns {len(result)} series, one is needed; put sum() around it"
        )
    if not result:
        warnings = (*warnings, NO_SERIES)
        return RangeAnswer(values=np.full(grid.points, np.nan), warnings=warnings)
    return RangeAnswer(values=_values(result[0], grid), warnings=warnings)


def server_error(status: int, body: bytes) -> str:
    """Return the server's own words about a refusal, in one line."""
    try:
        answer = _json(body)
    except SourceUnavailableError as error:
        return f"HTTP {status}: {error if _is_html(body) else _plain(body)}"
    kind, text = answer.get("errorType"), answer.get("error")
    words = ": ".join(one_line(str(part)) for part in (kind, text) if part)
    return f"HTTP {status}: {words or 'no reason given'}"


def one_line(text: str) -> str:
    """Return the text without line breaks or control characters, cut to a readable length."""
    line = re.sub(r"[\x00-\x20\x7f]+", " ", text).strip()
    return line if len(line) <= MAX_QUOTED else line[: MAX_QUOTED - 1] + "…"


def _json(body: bytes) -> dict[str, object]:
    if _is_html(body):
        raise SourceUnavailableError(
            "answered a web page, not JSON; is this the address of Prometheus?"
        )
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise SourceUnavailableError("answered JSON that is cut short or malformed") from error
    if not isinstance(answer, dict):
        raise SourceUnavailableError("answered JSON that is not an object")
    return answer


def _is_html(body: bytes) -> bool:
    return body.lstrip()[:15].lower().startswith((b"<!doctype html", b"<html", b"<head"))


def _plain(body: bytes) -> str:
    return one_line(body.decode("utf-8", "replace")) or "no reason given"


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        return ()
    return tuple(one_line(str(text)) for text in value)


def _values(series: object, grid: Grid) -> FloatArray:
    points = series.get("values") if isinstance(series, dict) else None
    if not isinstance(points, list):
        raise SourceUnavailableError("answered a series without float values (a histogram?)")
    times, demand = _samples(points)
    places = np.rint((times - grid.first) / grid.step_seconds)
    is_off = np.abs(grid.first + places * grid.step_seconds - times) > TIME_TOLERANCE_SECONDS
    _refuse(
        is_off | (places < 0) | (places >= grid.points),
        lambda row: f"answered a sample at {times[row]:.3f}, which was not asked for",
    )
    demand = np.where(np.isfinite(demand), demand, np.nan)
    _refuse(
        demand < -ROUNDING,
        lambda row: (
            f"answered a demand of {demand[row]:g} at {times[row]:.3f}; demand can't be negative"
        ),
    )
    _refuse(
        demand > MOST_PER_SECOND,
        lambda row: (
            f"answered a demand of {demand[row]:g} at {times[row]:.3f}; "
            f"more than {MOST_PER_SECOND:g} per second is not believed"
        ),
    )
    values = np.full(grid.points, np.nan)
    values[places.astype(np.intp)] = np.maximum(demand, 0.0)
    return values


def _samples(points: list[object]) -> FloatArray:
    """Return the times and the values of samples, [2, samples]."""
    found = _plain_samples(points)
    return (
        found if found is not None else np.array([_point(one) for one in points]).reshape(-1, 2).T
    )


def _plain_samples(points: list[Any]) -> FloatArray | None:
    """Return samples that all are as they should be; else None: one by one tells what is wrong."""
    try:
        ats, texts = zip(*points, strict=True)
        if set(map(type, ats)) <= {int, float} and set(map(type, texts)) <= {str}:
            found = np.array([ats, [float(text) for text in texts]], dtype=np.float64)
            return found if np.isfinite(found[0]).all() else None
    except (TypeError, ValueError, OverflowError):
        pass
    return None


def _refuse(is_wrong: NDArray[np.bool_], said: Callable[[int], str]) -> None:
    """Raise what is said of the first sample that is wrong, if one is."""
    if is_wrong.any():
        raise SourceUnavailableError(said(int(np.argmax(is_wrong))))


def _point(point: object) -> tuple[float, float]:
    """Return time and value of ``[seconds, "value"]``."""
    if isinstance(point, Sequence) and len(point) == 2:
        at, text = point
        if isinstance(at, int | float) and math.isfinite(at) and isinstance(text, str):
            try:
                return float(at), float(text)
            except ValueError:
                pass
    raise SourceUnavailableError(f"answered a sample that can't be read: {one_line(str(point))}")
