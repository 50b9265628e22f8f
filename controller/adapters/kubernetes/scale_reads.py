"""The scale subresource of every policy's target, read now and then, and written on demand.

A scale can't be watched, so it is read in turns: every few seconds, or seldom if there are many.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from controller.adapters.kubernetes.errors import (
    ConflictError,
    NotFoundError,
    RefusedError,
    UnavailableError,
)
from controller.adapters.kubernetes.exchange import Json
from controller.adapters.kubernetes.scale_owners import api_version_of, target_of
from controller.adapters.kubernetes.selectors import Selector, selector_of
from controller.errors import ActionRefusedError
from controller.policy import WorkloadPolicy
from models.forecast import WorkloadName

_log = logging.getLogger(__name__)

#: A scale is read again after this long, longer if all of them would be more than this a second.
READ_SECONDS = 2.0
_READS_PER_SECOND = 10.0
_LOOK_SECONDS = 0.25
_CONFLICTS = 3
#: A target that others changed so often within this time has another owner.
_CONTESTED_CHANGES, _CONTESTED_SECONDS = 3, 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """A target's scale: the replicas asked for, and whose pods they are."""

    path: str
    replicas: int
    selector: Selector
    version: str


class ScaleApi(Protocol):
    """What is needed of the API."""

    async def get(self, path: str) -> Json:
        """Return one object."""
        ...


class ScaleReads:
    """``known`` has each target's scale as last read, ``troubles`` why one is not known.

    ``changes`` counts whatever changed in ``known``.
    """

    def __init__(
        self,
        api: ScaleApi,
        policies: Callable[[], Sequence[WorkloadPolicy]],
        clock: Callable[[], float],
    ) -> None:
        """Know nothing yet."""
        self._api, self._policies, self._clock = api, policies, clock
        self._plurals: dict[str, dict[str, str]] = {}
        self._read_at: dict[WorkloadName, float] = {}
        self.known: dict[WorkloadName, Scale] = {}
        self.troubles: dict[WorkloadName, str] = {}
        self.changes = 0
        self._foreign: dict[WorkloadName, tuple[float, ...]] = {}

    def is_contested(self, name: WorkloadName) -> bool:
        """Say whether somebody else keeps changing a target's replicas."""
        since = self._clock() - _CONTESTED_SECONDS
        return sum(at > since for at in self._foreign.get(name, ())) >= _CONTESTED_CHANGES

    async def run_forever(self) -> None:
        """Read in turns until cancelled."""
        while True:
            for policy in self._due():
                await self.read(policy)
            await asyncio.sleep(_LOOK_SECONDS)

    async def read(self, policy: WorkloadPolicy) -> Scale | None:
        """Read one target's scale now; None and a trouble if that can't be."""
        name = policy.workload
        self._read_at[name] = self._clock()
        try:
            path = await self._path(policy)
            scale = scale_from(await self._api.get(path), path)
        except NotFoundError as error:
            self._plurals.clear()  # its kind may have come or gone
            self._forget(name, str(error))
        except (RefusedError, ValueError) as error:
            self._forget(name, str(error))
        except UnavailableError as error:
            # What was known may still be right: the caches say how old the view is.
            self.troubles[name] = str(error)
        else:
            self._learn(name, scale)
            return scale
        return None

    async def write(
        self, policy: WorkloadPolicy, replicas: int, patch: Callable[[str, Json], Awaitable[Json]]
    ) -> bool:
        """Have a target run so many replicas by ``patch``; return whether that changed anything.

        Raises:
            ActionRefusedError, UnavailableError: if it can't be.
        """
        try:
            return await self._write(policy, replicas, patch)
        except ValueError as error:
            why = f"{policy.workload}: its target's scale can't be used: {error}"
            raise ActionRefusedError(why) from error

    async def _write(
        self, policy: WorkloadPolicy, replicas: int, patch: Callable[[str, Json], Awaitable[Json]]
    ) -> bool:
        for attempt in range(_CONFLICTS):
            path = await self._path(policy)
            scale = scale_from(await self._api.get(path), path)
            self._learn(policy.workload, scale)
            if scale.replicas == replicas:
                return False
            body = {
                "metadata": {"resourceVersion": scale.version},
                "spec": {"replicas": replicas},
            }
            try:
                written = await patch(path, body)
            except ConflictError:
                if attempt == _CONFLICTS - 1:
                    raise
                continue
            self._learn(policy.workload, scale_from(written, path), is_own=True)
            return True
        raise AssertionError("unreachable")

    def _due(self) -> list[WorkloadPolicy]:
        targets = [policy for policy in self._policies() if policy.scale_target is not None]
        present = {policy.workload for policy in targets}
        for gone in (self.known.keys() | self._read_at.keys()) - present:
            self._forget(gone, "")
        pause = max(READ_SECONDS, len(targets) / _READS_PER_SECOND)
        until = self._clock() - pause
        return [one for one in targets if self._read_at.get(one.workload, -1.0) <= until]

    async def _path(self, policy: WorkloadPolicy) -> str:
        target, version = target_of(policy), api_version_of(policy)
        assert target is not None
        root = f"/apis/{version}" if "/" in version else f"/api/{version}"
        if version not in self._plurals:
            found = (await self._api.get(root)).get("resources") or ()
            # Deployments are named before their scale, whose kind is Scale.
            plain = {str(one["kind"]): str(one["name"]) for one in found if "/" not in one["name"]}
            self._plurals[version] = plain
        plural = self._plurals[version].get(target.kind)
        if plural is None:
            del self._plurals[version]
            raise ValueError(f"{version} has no kind {target.kind}")
        return f"{root}/namespaces/{target.namespace}/{plural}/{target.name}/scale"

    def _learn(self, name: WorkloadName, scale: Scale, *, is_own: bool = False) -> None:
        before = self.known.get(name)
        if before is not None and before.replicas != scale.replicas and not is_own:
            kept = self._foreign.get(name, ())[1 - _CONTESTED_CHANGES :]
            self._foreign[name] = (*kept, self._clock())
        self.known[name] = scale
        self.troubles.pop(name, None)
        is_same = before is not None and (before.replicas, before.selector) == (
            scale.replicas,
            scale.selector,
        )
        self.changes += not is_same

    def _forget(self, name: WorkloadName, why: str) -> None:
        if why and self.troubles.get(name) != why:
            _log.warning("%s: its target's scale can't be used: %s", name, why)
        self.changes += self.known.pop(name, None) is not None
        if why:
            self.troubles[name] = why
        else:
            for kept in (self.troubles, self._read_at, self._foreign):
                kept.pop(name, None)


def scale_from(answer: Json, path: str) -> Scale:
    """Return what a Scale object says.

    Raises:
        ValueError: if it does not say whose its pods are.
    """
    spec, status = answer.get("spec") or {}, answer.get("status") or {}
    return Scale(
        path=path,
        # None asked for is left out.
        replicas=int(spec.get("replicas") or 0),
        selector=selector_of(str(status.get("selector") or "")),
        version=str(answer["metadata"].get("resourceVersion", "")),
    )
