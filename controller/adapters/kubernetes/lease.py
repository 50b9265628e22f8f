"""Leadership by a Lease: at most one controller acts, and it knows when it may not any more."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from controller.adapters.kubernetes.budget import Priority
from controller.adapters.kubernetes.errors import (
    ConflictError,
    NotFoundError,
    RefusedError,
    UnavailableError,
)
from controller.adapters.kubernetes.exchange import Json
from controller.adapters.kubernetes.lease_rules import (
    Intent,
    LeaseSettings,
    Sighting,
    epoch_of,
    holder_of,
    intent,
    lease_released,
    lease_to_write,
    sighted,
)
from controller.errors import ActionRefusedError

_log = logging.getLogger(__name__)
_NEVER = float("-inf")


class LeaseApi(Protocol):
    """What leadership needs of the API."""

    async def get(
        self, path: str, query: Mapping[str, str] | None = None, *, priority: Priority
    ) -> Json:
        """Return one object."""
        ...

    async def create(self, path: str, body: Mapping[str, Any], *, priority: Priority) -> Json:
        """Create an object."""
        ...

    async def replace(self, path: str, body: Mapping[str, Any], *, priority: Priority) -> Json:
        """Replace an object of a known resource version."""
        ...


class Leadership:
    """Seeks a Lease, renews it while it lives, and gives it back when cancelled.

    ``monotonic`` must go on while the machine sleeps, where there is such a clock; ``clock``
    gives seconds since the epoch, for the Lease's text alone.
    """

    def __init__(
        self,
        api: LeaseApi,
        settings: LeaseSettings,
        *,
        monotonic: Callable[[], float],
        clock: Callable[[], float],
    ) -> None:
        """Hold nothing yet."""
        self.settings = settings
        self._api, self._monotonic, self._clock = api, monotonic, clock
        collection = f"/apis/coordination.k8s.io/v1/namespaces/{settings.namespace}/leases"
        self._collection, self._path = collection, f"{collection}/{settings.name}"
        self._sent_at = _NEVER
        self._held: Json | None = None
        self._seen: Sighting | None = None
        self._was_held = False
        self.holder = ""
        self.epoch = 0
        self.is_known = False

    def is_held(self) -> bool:
        """Say whether we may act now: nobody else can have taken over yet."""
        return self.remaining_seconds() > 0

    def remaining_seconds(self) -> float:
        """Return how long we may still act without another renewal, 0 if not at all."""
        if self._held is None:
            return 0.0
        return max(0.0, self._sent_at + self.settings.fence_seconds - self._monotonic())

    def write_seconds(self) -> float:
        """Return how long a write that is sent now may take: until another may lead.

        Raises:
            ActionRefusedError: if we may not act any more.
        """
        if not self.is_held():
            raise ActionRefusedError("not the leader any more")
        return self._sent_at + self.settings.duration_seconds - self._monotonic()

    async def run_forever(self) -> None:
        """Seek and renew until cancelled, then give the Lease back."""
        try:
            while True:
                is_fine = await self.attempt()
                is_quiet = is_fine and self.is_held()
                pause = self.settings.renew_seconds if is_quiet else self.settings.retry_seconds
                await asyncio.sleep(pause)
        finally:
            await self._release()

    async def attempt(self) -> bool:
        """Read the Lease and do what is to be done about it; return whether that went well."""
        is_fine = False
        try:
            async with asyncio.timeout(self.settings.call_seconds):
                await self._read_and_write()
            is_fine = True
        except ConflictError:
            self._held = None  # somebody else was first: the next look shows who
        except RefusedError as error:
            self._held = None
            _log.warning("lease %s: %s", self.settings.name, error)
        except (UnavailableError, TimeoutError) as error:
            why = str(error) or "no answer in time"
            _log.warning("lease %s: %s", self.settings.name, why)
        self._say_changes()
        return is_fine

    async def _read_and_write(self) -> None:
        lease = self._held or await self._read()
        now = self._monotonic()
        if lease is not None:
            self._note(lease)
            self._seen = sighted(lease, self._seen, now)
        wanted = intent(lease, self._seen, self.settings, now)
        if wanted is Intent.WAIT:
            self._held = None
            return
        body = lease_to_write(lease, self.settings, self._clock())
        if wanted is Intent.CREATE:
            written = await self._api.create(self._collection, body, priority=Priority.URGENT)
        else:
            written = await self._api.replace(self._path, body, priority=Priority.URGENT)
        # Counted from before the write was sent: no other's patience can have begun earlier.
        self._held, self._sent_at = written, now
        self._note(written)

    async def _read(self) -> Json | None:
        try:
            return await self._api.get(self._path, priority=Priority.URGENT)
        except NotFoundError:
            return None

    def _note(self, lease: Json) -> None:
        self.holder, self.epoch, self.is_known = holder_of(lease), epoch_of(lease), True

    def _say_changes(self) -> None:
        is_held = self.is_held()
        if is_held != self._was_held:
            who = "leading" if is_held else f"not leading (the lease is held by {self.holder!r})"
            _log.info("%s: %s, epoch %d", self.settings.identity, who, self.epoch)
        self._was_held = is_held

    async def _release(self) -> None:
        held, self._held = self._held, None
        if held is None or self._monotonic() - self._sent_at >= self.settings.duration_seconds:
            return
        try:
            async with asyncio.timeout(self.settings.call_seconds):
                body = lease_released(held, self._clock())
                await self._api.replace(self._path, body, priority=Priority.URGENT)
        except (UnavailableError, RefusedError, TimeoutError) as error:
            _log.warning("lease %s: not given back: %s", self.settings.name, error)
