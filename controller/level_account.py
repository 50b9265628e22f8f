"""What each level of sureness would have missed and cost, of demand that was measured. Pure."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from models.forecast import FloatArray


class Account(NamedTuple):
    """Demand that was measured, and what each level would have missed of it and cost.

    All fade together. ``of_levels`` [2, levels] has the demand that was late, then the
    replica-seconds that were paid: in one array, as both are added to at once.
    """

    demand: float
    of_levels: FloatArray

    @classmethod
    def of(cls, demand: float, late: FloatArray, replica_seconds: FloatArray) -> Account:
        """Return the account of a while."""
        of_levels = np.empty((2, len(late)))
        of_levels[0], of_levels[1] = late, replica_seconds
        return cls(demand, of_levels)

    @classmethod
    def nothing(cls, levels: int) -> Account:
        """Return the account of so many levels before anything was measured."""
        return cls(0.0, np.zeros((2, levels)))

    @property
    def late(self) -> FloatArray:
        """The demand that was late at each level."""
        return np.asarray(self.of_levels[0])

    @property
    def replica_seconds(self) -> FloatArray:
        """What was paid at each level."""
        return np.asarray(self.of_levels[1])
