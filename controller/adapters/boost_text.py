"""Boosts as JSON, as they are kept over restarts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from controller.boosts import Boost, Heard
from models.codec import CodecError
from models.fields import Fields
from models.forecast import WorkloadName


def boost_text(heard: Heard) -> dict[str, Any]:
    """Return what was heard of one alert; both words 0 and 1 say that it is over."""
    boost = heard.boost or Boost()
    return {
        "replicas": boost.replicas,
        "multiplier": boost.multiplier,
        "isOver": heard.boost is None,
        "endsAt": heard.ends_at,
        "since": heard.since,
    }


def heard_in(text: object, workload: WorkloadName) -> Heard:
    """Return what was heard of one alert.

    Raises:
        CodecError: if it can't be read.
    """
    fields = Fields(text, "boost")
    boost = Boost(
        replicas=fields.at_least_zero("replicas"), multiplier=fields.at_least_zero("multiplier")
    )
    is_over = isinstance(text, Mapping) and text.get("isOver") is True
    return Heard(
        workload=workload,
        boost=None if is_over else boost,
        ends_at=fields.number("endsAt"),
        # One that was written without it yields to whatever is told next.
        since=fields.number("since") if fields.find("since") is not None else 0.0,
    )


def readable(texts: object, workload: WorkloadName) -> dict[str, Heard]:
    """Return what was heard of several alerts by their ids, those that can be read."""
    kept = {}
    for key, text in texts.items() if isinstance(texts, Mapping) else ():
        try:
            kept[str(key)] = heard_in(text, workload)
        except (CodecError, ValueError):
            continue
    return kept
