"""Reads the body of a Prometheus range query, strictly. Pure: bytes in, demand of steps out."""

from __future__ import annotations

import json
from dataclasses import dataclass

from models.forecast import FloatArray
from predictor.adapters.prometheus_samples import Flags, Grid, one_line, steps_of
from predictor.errors import SourceUnavailableError

NO_SERIES = "the query matches no series"
#: So the evaluation of the query begins what it remarks on. All that was asked for was there, so
#: such an answer is whole; what else is a warning says that something was not reached.
ANNOTATIONS = ("PromQL warning:", "PromQL info:")
PARTIAL = "a partial answer, whose steps count as missing"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RangeAnswer:
    """A value for each time of the grid, NaN where missing or odd.

    ``oddities`` say what is wrong with the steps that ``is_odd``, ``warnings`` what the server
    remarked. If it ``is_partial`` demand may have been more than the values.
    """

    values: FloatArray
    is_odd: Flags
    oddities: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    is_partial: bool = False


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
    warned = _texts(answer.get("warnings"))
    remarks = [text for text in warned if text.startswith(ANNOTATIONS)]
    lost = [text for text in warned if not text.startswith(ANNOTATIONS)]
    # VictoriaMetrics has a field of its own, and no words for it.
    is_partial = bool(lost) or answer.get("isPartial") is True
    if is_partial:
        remarks.append(f"{PARTIAL}: {'; '.join(lost) or 'no reason given'}")
    steps = steps_of(result, grid)
    return RangeAnswer(
        values=steps.values,
        is_odd=steps.is_odd,
        oddities=steps.oddities,
        warnings=(*remarks, *_texts(answer.get("infos"))),
        is_partial=is_partial,
    )


def server_error(status: int, body: bytes) -> str:
    """Return the server's own words about a refusal, in one line."""
    try:
        answer = _json(body)
    except SourceUnavailableError as error:
        return f"HTTP {status}: {error if _is_html(body) else _plain(body)}"
    kind, text = answer.get("errorType"), answer.get("error")
    words = ": ".join(one_line(str(part)) for part in (kind, text) if part)
    return f"HTTP {status}: {words or 'no reason given'}"


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
