"""State of several workloads in arrays whose last axis runs over them: rows taken out, and joined.

For whoever keeps such state: no row knows what others stand beside it.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray


class Rows:
    """Names the attributes that are such arrays, and those that are made of such themselves."""

    _arrays: ClassVar[tuple[str, ...]] = ()
    _parts: ClassVar[tuple[str, ...]] = ()

    def taken(self, rows: NDArray[np.intp]) -> Self:
        """Return the same for some of the workloads, by their places; nothing is shared."""
        made = copy.copy(self)
        for name in self._arrays:
            setattr(made, name, np.take(getattr(self, name), rows, axis=-1))
        for name in self._parts:
            setattr(made, name, getattr(self, name).taken(rows))
        return made

    def joined(self, others: Sequence[Self]) -> Self:
        """Return one for the workloads of all, in their order; nothing is shared."""
        made = copy.copy(self)
        for name in self._arrays:
            arrays = [getattr(one, name) for one in (self, *others)]
            setattr(made, name, np.concatenate(arrays, axis=-1))
        for name in self._parts:
            parts = [getattr(other, name) for other in others]
            setattr(made, name, getattr(self, name).joined(parts))
        return made
