"""Boosts in the status of the policies that they boost: known to every controller, also a new one.

An alert comes to whichever controller the Service picks; the one that leads plans, and all of
them answer KEDA. Unlike the rest of a status it is therefore written by any of them, each alert
under a name of its own, so that no two writes are in each other's way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Protocol

from controller.adapters.boost_memory import is_news
from controller.adapters.boost_text import boost_text, readable
from controller.adapters.kubernetes.api import PatchKind
from controller.adapters.kubernetes.budget import Priority
from controller.adapters.kubernetes.cache import ObjectCache
from controller.adapters.kubernetes.cache_changes import key_of
from controller.adapters.kubernetes.errors import NotFoundError, RefusedError, UnavailableError
from controller.adapters.kubernetes.exchange import Json
from controller.adapters.kubernetes.policies import status_path
from controller.boosts import Boosts, Heard
from controller.errors import BoostsNotKeptError
from models.forecast import WorkloadName


class PatchApi(Protocol):
    """What is needed of the API."""

    async def patch(self, path: str, body: object, *, kind: PatchKind, priority: Priority) -> Json:
        """Change an object."""
        ...


class StatusBoosts:
    """Boosts as the watched policies have them; ``on_change`` hears of every change."""

    def __init__(self, api: PatchApi, cache: ObjectCache, on_change: Callable[[], None]) -> None:
        """Follow the cache of policies, which is run by somebody else."""
        self._api, self._cache, self._on_change = api, cache, on_change
        self._by_workload: dict[WorkloadName, Mapping[str, Heard]] = {}
        self._known = Boosts()
        cache.subscribe(self._receive)

    def known(self) -> Boosts:
        """Return the boosts of all policies."""
        return self._known

    async def keep(self, before: Boosts, after: Boosts) -> None:
        """Write what has changed, and take out what has ended by its time.

        Raises:
            BoostsNotKeptError: if the API server does not take it now.
        """
        changed, seen = after.changed_since(before), self._by_workload
        for workload in dict.fromkeys(heard.workload for heard in changed.values()):
            ended = seen.get(workload, {}).keys() - after.heard.keys()
            # While one workload is written, more may be heard of the next.
            texts: Json = {
                key: None
                for key, one in self._by_workload.get(workload, {}).items()
                if key in ended and one == seen[workload][key]
            }
            mine = {key: one for key, one in changed.items() if one.workload == workload}
            await self._write(workload, texts | {key: boost_text(one) for key, one in mine.items()})

    async def _write(self, workload: WorkloadName, texts: Json) -> None:
        try:
            written = await self._api.patch(
                status_path(workload),
                {"status": {"boosts": texts}},
                kind=PatchKind.MERGE,
                priority=Priority.ACTION,
            )
        except NotFoundError:
            return  # the policy was deleted meanwhile, and nothing is to be boosted
        except (UnavailableError, RefusedError) as error:
            raise BoostsNotKeptError(f"the status of {workload} can't be written: {error}") from (
                error
            )
        self._cache.take_own(written)

    def _receive(self, kind: str, obj: Json, _: float) -> None:
        workload = WorkloadName(key_of(obj))
        found: Mapping[str, Heard] = {}
        if kind != "DELETED":
            found = readable((obj.get("status") or {}).get("boosts"), workload)
        if found == self._by_workload.get(workload, {}):
            return
        self._by_workload = {**self._by_workload, workload: found}
        before = self._known
        heard: dict[str, Heard] = {}
        for one in self._by_workload.values():
            heard.update(one)
        self._known = Boosts(heard=MappingProxyType(heard))
        if is_news(before, self._known.heard) or is_news(self._known, before.heard):
            self._on_change()
