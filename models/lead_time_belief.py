"""What is believed of a lognormal latency: a conjugate prior that measurements sharpen.

Everything here is in the domain of natural logarithms of seconds. Must not know of keys, of time,
or of attempts that never came; those are in lead_time.py and censored.py.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from scipy.special import stdtrit


@lru_cache(maxsize=65_536)
def student_quantile(dof: float, probability: float) -> float:
    """Return the quantile of Student's t, remembered since the planner asks for few, often."""
    return float(stdtrit(dof, probability))


@dataclass(frozen=True, slots=True, kw_only=True)
class Moments:
    """How many logarithms there are, their mean, and the sum of squares about that mean.

    ``count`` may be a fraction: an attempt that is perhaps only slow counts in part.
    """

    count: float = 0.0
    mean: float = 0.0
    squares: float = 0.0

    @staticmethod
    def of(logs: Iterable[float]) -> Moments:
        """Return the moments of plain numbers."""
        held = tuple(logs)
        if not held:
            return Moments()
        mean = math.fsum(held) / len(held)
        squares = math.fsum((log - mean) ** 2 for log in held)
        return Moments(count=float(len(held)), mean=mean, squares=squares)

    @staticmethod
    def together(parts: Iterable[Moments]) -> Moments:
        """Return the moments of all parts together (Chan, Golub and LeVeque 1979)."""
        count = mean = squares = 0.0
        # No value for each part: there are as many as keys, whenever one of them has learned.
        for part in parts:
            if part.count:
                share = part.count / (count + part.count)
                apart = part.mean - mean
                mean = mean + share * apart
                squares = squares + part.squares + count * share * apart**2
                count = count + part.count
        return Moments(count=count, mean=mean, squares=squares)

    def joined(self, other: Moments) -> Moments:
        """Return the moments of both together."""
        return Moments.together((self, other))

    def shifted(self, by: float) -> Moments:
        """Return the moments of the numbers with ``by`` added to each."""
        return Moments(count=self.count, mean=self.mean + by, squares=self.squares)

    def without(self, other: Moments) -> Moments:
        """Return the moments of what is left when ``other``, once joined, is taken out again."""
        count = self.count - other.count
        if count < 0.5:
            return Moments()
        mean = (self.count * self.mean - other.count * other.mean) / count
        apart = other.mean - mean
        squares = self.squares - other.squares - count * other.count / self.count * apart**2
        return Moments(count=count, mean=mean, squares=max(squares, 0.0))

    def at_most(self, count: float) -> Moments:
        """Return the same mean and variance, standing for no more than ``count`` numbers."""
        if self.count <= count:
            return self
        return Moments(count=count, mean=self.mean, squares=self.squares * count / self.count)


class Belief(NamedTuple):
    """A normal-inverse-gamma belief about mean and variance of the logarithm of a latency.

    ``mean`` is worth ``strength`` measurements and ``sigma`` (a standard deviation) ``dof``
    measurements. Source: Murphy 2007, "Conjugate Bayesian analysis of the Gaussian distribution",
    section 6; what is expected of the next measurement is Student's t, so it is wide after few
    measurements and narrow after many.
    """

    mean: float
    strength: float
    sigma: float
    dof: float

    @property
    def scale(self) -> float:
        """The scale of Student's t for the next measurement."""
        return self.sigma * math.sqrt(1 + 1 / self.strength)

    def quantile(self, probability: float) -> float:
        """Return the logarithm of the latency not exceeded with that probability."""
        return self.mean + self.scale * student_quantile(self.dof, probability)

    def updated(self, found: Moments) -> Belief:
        """Return the belief after more measurements.

        A mean that lies more than one standard error from what was found is trusted less in
        proportion to the square of that distance (the weight that makes the two just agree: a
        power prior, Ibrahim and Chen 2000, its power set from the data). Else a prior of 60 s
        would keep a 10 s restore's quantiles wide for tens of measurements.
        """
        if found.count == 0:
            return self
        apart = (found.mean - self.mean) ** 2
        spread = self.dof * self.sigma**2 + found.squares
        variance = spread / (self.dof + max(found.count - 1, 0))
        standard_error = variance * (1 / self.strength + 1 / found.count)
        strength = self.strength / max(1.0, apart / standard_error)
        total = strength + found.count
        dof = self.dof + found.count
        spread += strength * found.count / total * apart
        return Belief(
            mean=(strength * self.mean + found.count * found.mean) / total,
            strength=total,
            sigma=math.sqrt(spread / dof),
            dof=dof,
        )

    def as_prior(self, *, strength: float, dof: float, shift: float = 0.0) -> Belief:
        """Return the same belief, shifted, worth no more than so many measurements."""
        return Belief(
            mean=self.mean + shift,
            strength=min(self.strength, strength),
            sigma=self.sigma,
            dof=min(self.dof, dof),
        )
