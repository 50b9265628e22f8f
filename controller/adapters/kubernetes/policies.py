"""The PreRestorePolicy objects of a cluster, watched, as the policies in force."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection

from controller.adapters.kubernetes.cache import ObjectCache
from controller.adapters.kubernetes.cache_changes import key_of
from controller.adapters.kubernetes.exchange import Json
from controller.adapters.kubernetes.policy_book import PolicyBook
from controller.tick_report import TickReport
from models.forecast import WorkloadName

_log = logging.getLogger(__name__)

GROUP = "headstart.dev"
VERSION = "v1alpha1"
PLURAL = "prerestorepolicies"


def policies_path(namespace: str | None = None) -> str:
    """Return the path of the policies of one namespace, or of all."""
    where = f"/namespaces/{namespace}" if namespace else ""
    return f"/apis/{GROUP}/{VERSION}{where}/{PLURAL}"


def status_path(workload: WorkloadName) -> str:
    """Return the path of a policy's status; the workload is named ``namespace/name``."""
    namespace, _, name = workload.partition("/")
    return f"{policies_path(namespace)}/{name}/status"


class WatchedPolicies:
    """Keeps the book of policies as the cache changes, and tells whoever wants to know."""

    def __init__(self, cache: ObjectCache, drivers: Collection[str]) -> None:
        """Follow a cache, which is run by somebody else; ``drivers`` are those that can act."""
        self.cache, self._drivers = cache, frozenset(drivers)
        self.book = PolicyBook()
        self._subscribers: tuple[Callable[[PolicyBook], None], ...] = ()
        cache.subscribe(self._receive)

    @property
    def known(self) -> Collection[WorkloadName] | None:
        """The workloads with a good policy, None before the first list."""
        return self.book.good.keys() if self.cache.is_synced else None

    def subscribe(self, receive: Callable[[PolicyBook], None]) -> None:
        """Have every new book handed to ``receive``."""
        self._subscribers = (*self._subscribers, receive)

    def observe(self, report: TickReport) -> None:
        """Take in whose replicas exist; to be subscribed to the reconciler's reports."""
        if report.fleet is not None and self.cache.is_synced:
            owners = {replica.workload for replica in report.fleet.replicas}
            self._turn_to(self.book.with_replicas_of(owners))

    def _receive(self, kind: str, obj: Json, _: float) -> None:
        name = WorkloadName(key_of(obj))
        if kind == "DELETED":
            self._turn_to(self.book.without_object(name))
            return
        book = self.book.with_object(obj, self._drivers)
        for problem in book.problems.get(name, ()):
            if problem not in self.book.problems.get(name, ()):
                _log.warning("policy %s", problem)
        self._turn_to(book)

    def _turn_to(self, book: PolicyBook) -> None:
        if book == self.book:
            return
        self.book = book
        for receive in self._subscribers:
            receive(book)
