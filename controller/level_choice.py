"""Which level to plan with: the one whose shadow would have served best.

Where a share is the objective that is the cheapest level of those that would have missed no more
than the share to aim at, unless the last replicas on the way there keep almost nothing from being
late. Where money decides it is the level at which GPUs and misses together cost least. Evidence
fades over weeks, so the level settles; that of the last hours may raise it at once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from controller.level_account import Account
from controller.objective import level_covering
from controller.policy import Cost, WorkloadPolicy
from controller.shadow_fleets import LEVELS, Shadows
from models.forecast import FloatArray

#: The share of the allowed misses to aim at; the rest is for what shadows don't know.
_AIM = 0.75
#: How the aim is paced by what was missed and served so far: over how long a time to come it is
#: to be made up for, and within which shares of the aim.
_PACE_SECONDS, _LOWEST_PACE, _HIGHEST_PACE = 86400.0, 0.5, 1.1
#: What is believed before there is evidence: a level for an objective of 99 %, and that each unit
#: more halves the misses and costs 4 %. Worth six hours of usual demand. In a first hour misses are
#: dearer than replicas: what they leave waiting calls for more of these than had been saved.
_LEVEL_AT_99 = 2.0
_RARER_A_UNIT, _DEARER_A_UNIT = 0.7, 0.04
#: Below this level, the 0.8 quantile, each unit less is believed to cost 4 % as well: backlogs take
#: more than fewer replicas save. Nobody begins there for a share, and who was found there stays.
_CHEAPEST = 1.0
_BELIEF_SECONDS = 21600.0
#: The same belief holds it unlikely that misses end at once: a unit above a level that missed some,
#: a third of them is still to be expected. Bursts that come once in hours set one record after the
#: other, and a level that was just enough for all of the past is not for the next.
_RAREST_A_UNIT = 1.0
_RARER_BELOW, _RARER_ABOVE = np.exp(_RAREST_A_UNIT * LEVELS), np.exp(-_RAREST_A_UNIT * LEVELS)
#: An hour of evidence says half of what can be said so; of seconds nobody can tell.
_SAYING_SECONDS = 3600.0
#: What to pay at the most, in shares of the cost, for sparing as many misses as are allowed: the
#: first while no more were missed than is aimed at, the other once nearly all of them were (a day
#: of just what is aimed at reckoned in), and no more whatever else was missed. After surges that
#: nobody could foresee, days of double or triple replicas would spare another only if it came soon.
_CHEAP, _DEAREST = 0.4, 0.8
_NEARLY_ALL = 0.9
#: In the last hours so many times the allowed share may be late before the level is raised, and
#: so much less must a higher level have missed to be worth it.
_SHORT_ALLOWANCE, _SHORT_GAIN = 3.0, 1.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """What this loop itself missed of late, and the usual demand per second."""

    demand: float
    late: float
    usual_per_second: float


def first_level(policy: WorkloadPolicy) -> float:
    """Return the level to begin with, before anything was seen.

    Where money decides it is the newsvendor's (Arrow, Harris and Marschak 1951): one more replica
    pays while the chance that demand needs it is worth more than its GPUs.
    """
    if policy.objective.cost is not None:
        saved = _worth_of_late(policy.objective.cost, policy) * policy.demand_per_replica
        return level_covering(1.0 - min(1.0 / max(saved, 1e-9), 1.0))
    rarer = math.log(0.01 / (1.0 - policy.objective.attainment)) / _RARER_A_UNIT
    return float(np.clip(_LEVEL_AT_99 + rarer, _CHEAPEST, LEVELS[-1]))


def chosen_level(shadows: Shadows, served: Served, policy: WorkloadPolicy) -> float:
    """Return the level to plan with from now on."""
    cost = policy.objective.cost
    believed = shadows.began_at_level
    if cost is not None:
        worth = _worth_of_late(cost, policy)
        # The belief's own best level is the one believed in.
        late = _DEARER_A_UNIT / (_RARER_A_UNIT * worth * policy.demand_per_replica)
        account = _with_belief(shadows.long, served, believed, late, policy)
        return float(LEVELS[np.argmin(account.replica_seconds + worth * account.late)])
    allowed = 1.0 - policy.objective.attainment
    account = _with_belief(shadows.long, served, believed, _AIM * allowed, policy)
    level = _cheapest_level(account, _least_level(account, _paced(served, allowed)))
    level = min(level, _dearest_level(account, allowed, _price(served, allowed)))
    return max(level, _short_level(shadows.short, allowed))


def _worth_of_late(cost: Cost, policy: WorkloadPolicy) -> float:
    """Return the replica-seconds that one late request costs as much as."""
    return cost.missed_request * 3600.0 / (cost.gpu_hour * policy.standby.gpus_per_replica)


def _with_belief(
    account: Account, served: Served, level: float, late_share: float, policy: WorkloadPolicy
) -> Account:
    """Return the account with six hours of what is believed: so much late at that level.

    Or more, where levels below have missed more than that lets expect.
    """
    demand = served.usual_per_second * _BELIEF_SECONDS
    above = LEVELS - level
    dearer = 1.0 + _DEARER_A_UNIT * np.abs(LEVELS - min(level, _CHEAPEST))
    believed = late_share * np.exp(-_RARER_A_UNIT * above)
    # What every level missed says nothing of levels; what little was seen says little.
    enough = account.demand + served.usual_per_second * _SAYING_SECONDS
    missed = account.late
    apart = (missed - np.minimum.reduce(missed)) / max(enough, 1e-9)
    believed = np.maximum(believed, _outlived(apart))
    return Account.of(
        demand=account.demand + demand,
        late=missed + demand * believed,
        replica_seconds=account.replica_seconds + demand / policy.demand_per_replica * dearer,
    )


def _outlived(shares: FloatArray) -> FloatArray:
    """Return the share that each level misses if misses grow rarer no faster than believed."""
    at_level_0 = np.maximum.accumulate(shares * _RARER_BELOW)
    return np.asarray(at_level_0 * _RARER_ABOVE)


def _paced(served: Served, allowed: float) -> float:
    """Return the share to aim at, so that what was missed so far is made up for in time."""
    aim = _AIM * allowed
    ahead = max(served.usual_per_second * _PACE_SECONDS, 1e-9)
    share = (aim * (served.demand + ahead) - served.late) / ahead
    return min(max(share, _LOWEST_PACE * aim), _HIGHEST_PACE * aim)


def _least_level(account: Account, share: float) -> float:
    """Return the least level that missed no more than a share, between two of the shadows."""
    shares = account.late / max(account.demand, 1e-9)
    is_enough = shares <= share
    at = int(is_enough.argmax())
    if not is_enough[at]:
        return float(LEVELS[-1])
    if at == 0:
        return float(LEVELS[0])
    return float(np.interp(-share, -shares[[at - 1, at]], LEVELS[[at - 1, at]]))


def _cheapest_level(account: Account, least: float) -> float:
    """Return the level that cost least of those from ``least`` on.

    Backlogs are cleared by more replicas than had kept them away: where levels are low, one more
    may cost less.
    """
    enough = least <= LEVELS
    costs = np.where(enough, account.replica_seconds, np.inf)
    at = int(costs.argmin())
    at_least = float(np.interp(least, LEVELS, account.replica_seconds))
    return float(LEVELS[at]) if costs[at] < at_least else least


def _price(served: Served, allowed: float) -> float:
    """Return what may be paid for sparing as many misses as are allowed, by what was missed.

    A day of just what is aimed at stands in for what is to come.
    """
    ahead = served.usual_per_second * _PACE_SECONDS
    missed = served.late + _AIM * allowed * ahead
    share = missed / max(allowed * (served.demand + ahead), 1e-9)
    spent = min(max((share - _AIM) / (_NEARLY_ALL - _AIM), 0.0), 1.0)
    return _CHEAP + (_DEAREST - _CHEAP) * spent


def _dearest_level(account: Account, allowed: float, price: float) -> float:
    """Return the level beyond which replicas keep too little from being late."""
    paid = account.replica_seconds
    cost = paid / max(float(paid[0]), 1e-9)
    late = account.late / max(allowed * account.demand, 1e-9)
    return float(LEVELS[(cost + price * late).argmin()])


def _short_level(account: Account, allowed: float) -> float:
    """Return the level that the last hours ask for at the least."""
    late = account.late
    bearable = late <= _SHORT_ALLOWANCE * allowed * account.demand
    if not bearable.any():
        # Whatever is wrong, sureness does not mend it: no more than does nearly as well.
        bearable = late <= _SHORT_GAIN * late[-1]
    return float(LEVELS[bearable.argmax()])
