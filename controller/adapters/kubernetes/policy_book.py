"""The policies in force, of the objects that exist. Pure.

A policy that turned bad stays in force as it last was good; one that went is kept, in mode Act
with room for no replica, until the replicas that it started have been released.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from controller.adapters.kubernetes.cache_changes import key_of
from controller.adapters.kubernetes.exchange import Json
from controller.errors import InvalidFileError
from controller.policy import Actuator, Limits, Mode, ScaleDown, WorkloadPolicy
from controller.policy_file import policy_of
from models.forecast import WorkloadName

#: A pod in a policy takes some ten levels.
_MOST_DEPTH = 50
_Kept = TypeVar("_Kept")


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyBook:
    """``good`` has the last good form of every object, ``problems`` what is wrong with it now.

    ``leaving`` are the policies that went, or never were seen, and still have replicas.
    """

    good: Mapping[WorkloadName, WorkloadPolicy] = field(default_factory=dict)
    problems: Mapping[WorkloadName, tuple[str, ...]] = field(default_factory=dict)
    leaving: Mapping[WorkloadName, WorkloadPolicy] = field(default_factory=dict)

    @property
    def in_force(self) -> tuple[WorkloadPolicy, ...]:
        """All policies to plan by, by name."""
        everything = {**self.leaving, **self.good}
        return tuple(everything[name] for name in sorted(everything))

    @property
    def modes(self) -> dict[WorkloadName, Mode]:
        """How far each may go."""
        return {policy.workload: policy.mode for policy in self.in_force}

    def with_object(self, obj: Json, drivers: Collection[str]) -> PolicyBook:
        """Return the book after an object came or changed; ``drivers`` are those that can act."""
        name = WorkloadName(key_of(obj))
        try:
            _check_depth(name, obj)
            policy = watched_policy(obj)
            _check_driver(policy, drivers)
        except InvalidFileError as error:
            return replace(self, problems={**self.problems, name: error.problems})
        return replace(
            self,
            good={**self.good, name: policy},
            problems=_without(self.problems, name),
            leaving=_without(self.leaving, name),
        )

    def without_object(self, name: WorkloadName) -> PolicyBook:
        """Return the book after an object went: what it started is to be released."""
        gone = self.good.get(name)
        leaving = dict(self.leaving)
        # A target that scales itself outlives the policy that set its size.
        if gone is not None and gone.mode is Mode.ACT and gone.actuator is Actuator.PODS:
            leaving[name] = leaving_policy(gone)
        return PolicyBook(
            good=_without(self.good, name),
            problems=_without(self.problems, name),
            leaving=leaving,
        )

    def with_replicas_of(self, owners: Iterable[WorkloadName]) -> PolicyBook:
        """Return the book once it is known whose replicas exist: others have left by now.

        A replica whose policy went while nobody watched is released like any other; one whose
        policy exists but can't be read is left alone.
        """
        present = frozenset(owners)
        leaving = {name: policy for name, policy in self.leaving.items() if name in present}
        for name in sorted(present - self.good.keys() - self.problems.keys() - leaving.keys()):
            leaving[name] = leaving_policy(WorkloadPolicy(workload=name, demand_per_replica=1.0))
        if leaving.keys() == self.leaving.keys():
            return self
        return replace(self, leaving=leaving)


def watched_policy(obj: Json) -> WorkloadPolicy:
    """Return the policy of an object, its workload named ``namespace/name``.

    Raises:
        InvalidFileError: with the same sentences as for a file.
    """
    metadata = obj.get("metadata") or {}
    # What an API server keeps there besides is its own affair.
    own = {key: metadata[key] for key in ("name", "namespace") if key in metadata}
    document = {**{key: obj[key] for key in obj if key != "status"}, "metadata": own}
    name = key_of(obj)
    return replace(policy_of(document, name), workload=WorkloadName(name))


def _check_depth(name: WorkloadName, obj: Json) -> None:
    """Refuse what is nested so deep that looking at it would end in an error of Python's own.

    Raises:
        InvalidFileError: saying how deep it may be.
    """
    level: list[object] = [obj.get("spec")]
    for _ in range(_MOST_DEPTH):
        level = [
            inner
            for one in level
            if isinstance(one, dict | list)
            for inner in (one.values() if isinstance(one, dict) else one)
        ]
    if level:
        text = f"spec: is nested too deep: must be at most {_MOST_DEPTH} levels"
        raise InvalidFileError((f"{name}: {text}",))


def _check_driver(policy: WorkloadPolicy, drivers: Collection[str]) -> None:
    """Refuse to act with a driver that is not there; watching needs none.

    Raises:
        InvalidFileError: saying which there are.
    """
    if policy.mode is Mode.ACT and policy.restore.driver not in drivers:
        allowed = " or ".join(sorted(drivers))
        line = f"{policy.workload}: spec.restore.driver: {policy.restore.driver!r} can't act here"
        raise InvalidFileError((f"{line}: must be {allowed}, or spec.mode Observe or Recommend",))


def leaving_policy(policy: WorkloadPolicy) -> WorkloadPolicy:
    """Return the policy that lets all its replicas go, drained as before."""
    return replace(
        policy,
        mode=Mode.ACT,
        limits=Limits(min_replicas=0, max_replicas=0),
        scale_down=ScaleDown(hold_seconds=0.0, drain_seconds=policy.scale_down.drain_seconds),
    )


def _without(known: Mapping[WorkloadName, _Kept], name: WorkloadName) -> dict[WorkloadName, _Kept]:
    return {key: value for key, value in known.items() if key != name}
