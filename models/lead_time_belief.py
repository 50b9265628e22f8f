"""What is believed of a lognormal latency: a conjugate prior that measurements sharpen.

Everything here is in the domain of natural logarithms of seconds. Must not know of keys, of time,
or of attempts that never came; those are in lead_time.py and censored.py.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from scipy.special import stdtrit


@lru_cache(maxsize=65_536)
def student_quantile(dof: float, probability: float) -> float:
    """Return the quantile of Student's t, remembered since the planner asks for few, often."""
    return float(stdtrit(dof, probability))


class Moments(NamedTuple):
    """How many logarithms there are, their mean, and the sum of squares about that mean.

    ``count`` may be a fraction: an attempt that is perhaps only slow counts in part.
    """

    count: float = 0.0  # type: ignore[assignment]  # in place of the count of tuples
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
        return Moments(float(len(held)), mean, squares)

    @staticmethod
    def together(parts: Iterable[Moments]) -> Moments:
        """Return the moments of all parts together (Chan, Golub and LeVeque 1979)."""
        count = mean = squares = 0.0
        # No value for each part: there are as many as keys, whenever one of them has learned.
        for more, its_mean, its_squares in parts:
            if more:
                share = more / (count + more)
                apart = its_mean - mean
                mean = mean + share * apart
                squares = squares + its_squares + count * share * apart**2
                count = count + more
        return Moments(count, mean, squares)

    def joined(self, other: Moments) -> Moments:
        """Return the moments of both together."""
        return Moments.together((self, other))

    def shifted(self, by: float) -> Moments:
        """Return the moments of the numbers with ``by`` added to each."""
        return Moments(self.count, self.mean + by, self.squares)

    def without(self, other: Moments) -> Moments:
        """Return the moments of what is left when ``other``, once joined, is taken out again."""
        count = self.count - other.count
        if count < 0.5:
            return Moments()
        mean = (self.count * self.mean - other.count * other.mean) / count
        apart = other.mean - mean
        squares = self.squares - other.squares - count * other.count / self.count * apart**2
        return Moments(count, mean, max(squares, 0.0))

    def at_most(self, count: float) -> Moments:
        """Return the same mean and variance, standing for no more than ``count`` numbers."""
        if self.count <= count:
            return self
        return Moments(count, self.mean, self.squares * count / self.count)


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

    def quantiles(self, probabilities: Iterable[float]) -> list[float]:
        """Return the logarithms of the latencies not exceeded with these probabilities."""
        mean, scale, dof = self.mean, self.scale, self.dof
        return [mean + scale * student_quantile(dof, each) for each in probabilities]

    def updated(self, found: Moments) -> Belief:
        """Return the belief after more measurements.

        A mean that lies more than one standard error from what was found is trusted less in
        proportion to the square of that distance (the weight that makes the two just agree: a
        power prior, Ibrahim and Chen 2000, its power set from the data). Else a prior of 60 s
        would keep a 10 s restore's quantiles wide for tens of measurements.
        """
        count = found.count
        if count == 0:
            return self
        apart = (found.mean - self.mean) ** 2
        spread = self.dof * self.sigma**2 + found.squares
        variance = spread / (self.dof + max(count - 1, 0))
        standard_error = variance * (1 / self.strength + 1 / count)
        strength = self.strength / max(1.0, apart / standard_error)
        total = strength + count
        dof = self.dof + count
        spread += strength * count / total * apart
        mean = (strength * self.mean + count * found.mean) / total
        return Belief(mean, total, math.sqrt(spread / dof), dof)

    def as_prior(self, *, strength: float, dof: float, shift: float = 0.0) -> Belief:
        """Return the same belief, shifted, worth no more than so many measurements."""
        mean, own_strength, sigma, own_dof = self
        return Belief(mean + shift, min(own_strength, strength), sigma, min(own_dof, dof))
