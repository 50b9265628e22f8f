"""What was read from an object, remembered until the object is another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from controller.adapters.kubernetes.exchange import Json

T = TypeVar("T")


class Remembered(Generic[T]):
    """Remembers by key; an object that changed is another object."""

    def __init__(self, read: Callable[[Json], T]) -> None:
        """Remember nothing yet; ``read`` is asked once for each state of an object."""
        self._read = read
        self._known: dict[str, tuple[Json, T]] = {}

    def of(self, key: str, obj: Json) -> T:
        """Return what is read from an object."""
        known = self._known.get(key)
        if known is None or known[0] is not obj:
            known = self._known[key] = (obj, self._read(obj))
        return known[1]

    def forget(self, key: str) -> None:
        """Let go of an object that has gone."""
        self._known.pop(key, None)
