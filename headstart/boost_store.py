"""Boosts that outlive a restart outside a cluster: kept in the local store."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping

from controller.adapters.boost_memory import LocalBoosts
from controller.adapters.boost_text import boost_text, heard_in
from controller.boosts import Boosts, Heard
from models.codec import CodecError
from models.forecast import WorkloadName
from predictor.adapters.store import Store

_log = logging.getLogger(__name__)
_BOOST = "boost"


def stored_boosts(store: Store | None, on_change: Callable[[], None]) -> LocalBoosts:
    """Return the boosts that a store has, and keeps from now on; without one, none are kept."""
    if store is None:
        return LocalBoosts(on_change)

    def save(changed: Mapping[str, Heard]) -> bool:
        rows = [
            (_BOOST, heard.workload, json.dumps({"id": key, **boost_text(heard)}))
            for key, heard in changed.items()
        ]
        return store.append_all(rows)

    return LocalBoosts(on_change, Boosts(heard=_read(store)), save)


def _read(store: Store) -> Mapping[str, Heard]:
    """Return what the store has; of each alert the newest row counts."""
    heard = {}
    for row in store.read(_BOOST):
        try:
            text = json.loads(row.json)
            heard[str(text["id"])] = heard_in(text, WorkloadName(row.key))
        except (CodecError, ValueError, TypeError, KeyError) as error:
            _log.warning("a stored boost of %s can't be used: %s", row.key, error)
    return heard
