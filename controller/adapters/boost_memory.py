"""Where boosts are kept: by itself in this process, or wherever else one of these is made for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from controller.boosts import Boost, Boosts, Heard
from controller.errors import BoostsNotKeptError


class BoostMemory(Protocol):
    """Where boosts are kept, so that they outlive a process, or are known to others."""

    def known(self) -> Boosts:
        """Return everything kept, whoever heard of it."""
        ...

    async def keep(self, before: Boosts, after: Boosts) -> None:
        """Keep what has changed.

        Raises:
            BoostsNotKeptError: if it can't be kept now.
        """
        ...


class LocalBoosts:
    """Boosts of one process, which ``save`` is to write down; ``on_change`` hears of each change.

    What only has more time left is no change, and is saved all the same. ``save`` says whether it
    could; what it could not is in force, and is saved with what is kept next.
    """

    def __init__(
        self,
        on_change: Callable[[], None] = lambda: None,
        boosts: Boosts | None = None,
        save: Callable[[Mapping[str, Heard]], bool] = lambda _: True,
    ) -> None:
        """Begin with what was saved."""
        self._on_change, self._boosts, self._save = on_change, boosts or Boosts(), save
        self._unsaved: frozenset[str] = frozenset()

    def known(self) -> Boosts:
        """Return the boosts."""
        return self._boosts

    async def keep(self, before: Boosts, after: Boosts) -> None:
        """Keep what has changed.

        Raises:
            BoostsNotKeptError: if it can't be saved now, and so would not outlive this process.
        """
        changed = after.changed_since(before)
        self._boosts = after
        if is_news(before, changed):
            self._on_change()
        self._unsaved = (self._unsaved | changed.keys()) & after.heard.keys()
        if not self._save({key: after.heard[key] for key in sorted(self._unsaved)}):
            raise BoostsNotKeptError("boosts are in force, but can't be written down now")
        self._unsaved = frozenset()


def is_news(before: Boosts, changed: Mapping[str, Heard]) -> bool:
    """Say whether a change makes a difference to what is in force."""

    def asked(one: Heard | None) -> Boost | None:
        return None if one is None else one.boost

    return any(asked(before.heard.get(key)) != asked(one) for key, one in changed.items())
