"""Where boosts are kept: by itself in this process, or wherever else one of these is made for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from controller.boosts import Boost, Boosts, Heard


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

    What only has more time left is no change, and is saved all the same.
    """

    def __init__(
        self,
        on_change: Callable[[], None] = lambda: None,
        boosts: Boosts | None = None,
        save: Callable[[Mapping[str, Heard]], None] = lambda _: None,
    ) -> None:
        """Begin with what was saved."""
        self._on_change, self._boosts, self._save = on_change, boosts or Boosts(), save

    def known(self) -> Boosts:
        """Return the boosts."""
        return self._boosts

    async def keep(self, before: Boosts, after: Boosts) -> None:
        """Keep what has changed."""
        changed = after.changed_since(before)
        self._boosts = after
        self._save(changed)
        if is_news(before, changed):
            self._on_change()


def is_news(before: Boosts, changed: Mapping[str, Heard]) -> bool:
    """Say whether a change makes a difference to what is in force."""

    def asked(one: Heard | None) -> Boost | None:
        return None if one is None else one.boost

    return any(asked(before.heard.get(key)) != asked(one) for key, one in changed.items())
