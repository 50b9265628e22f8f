"""How many replicas are ready when each takes as long to start as it has drawn. Pure.

Starts are told apart by quarters of equal shares, and as many fleets are played: over all of them
each replica draws each quarter once. Starts of one fleet differ as real ones do. Were they all
alike, ten that begin together would come all soon or all late, as ten hardly ever do; were each
fleet given as many of each quarter, chance would be left out, by which a few come late together.
Whoever draws anew while a start is under way may be ready later than by the former draw, or sooner:
of all fleets as many are ready before as after.
"""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from controller.observation import START_QUARTERS
from models.forecast import FloatArray

_ORDERS = np.array(list(itertools.permutations(range(START_QUARTERS))))
#: After so many replicas draws repeat: each order of the quarters ten times.
_DRAWS = 10 * len(_ORDERS)
#: And after so many seconds all draw anew, or one of them would have the same luck for good. No
#: part of an hour: what recurs shall not always meet the same draws.
_LASTING_SECONDS = 1009.0
#: By how much draws are moved then. It shares no factor with their number, so all have their turns.
_MOVED = 97
_SEED = 5


def _drawn() -> NDArray[np.intp]:
    """Return [draws, fleets], the quarter that each replica has drawn in each fleet."""
    orders = np.repeat(np.arange(len(_ORDERS)), _DRAWS // len(_ORDERS))
    return np.asarray(_ORDERS[np.random.default_rng(_SEED).permutation(orders)])


def _counted(drawn: NDArray[np.intp]) -> FloatArray:
    """Return [quarters, fleets, draws + 1]: of the first draws, how many are of each quarter."""
    is_of = np.arange(START_QUARTERS)[:, None, None] == drawn.T
    counts = np.zeros((*is_of.shape[:2], is_of.shape[2] + 1))
    np.cumsum(is_of, axis=2, out=counts[:, :, 1:])
    return counts


#: Twice over, since draws are counted from any of them on.
_COUNTS = _counted(np.concatenate([_drawn()] * 2))
_QUARTERS = np.arange(START_QUARTERS)[:, None, None]
_FLEETS = np.arange(START_QUARTERS)[None, :, None]


def ready_by_lot(wanted: FloatArray, instant: float) -> FloatArray:
    """Return how many replicas are ready, [fleets, levels].

    ``wanted`` [quarters, fleets, levels], whole numbers: so many have been wanted for as long as a
    start of each quarter takes. The first replicas of a fleet are those wanted longest.
    """
    begin = int(instant // _LASTING_SECONDS) * _MOVED % _DRAWS
    rest = np.fmod(wanted, _DRAWS)
    drawn = _COUNTS[_QUARTERS, _FLEETS, rest.astype(np.intp) + begin] - _COUNTS[:, :, begin, None]
    return np.asarray(np.add.reduce(drawn + (wanted - rest) / START_QUARTERS, axis=0))
