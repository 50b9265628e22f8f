"""Server-sent events out of lines of text, as the HTML standard parses them (section 9.2.6)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerEvent:
    """One event: its name, ``message`` if it has none, and its data."""

    name: str
    data: str


class EventParser:
    """Takes lines without their ends; comments and unknown fields are skipped.

    An event longer than ``most_characters`` is dropped whole, so that a broken server can't fill
    the memory; ``dropped`` counts those.
    """

    def __init__(self, *, most_characters: int = 4_000_000) -> None:
        """Begin between two events."""
        self.dropped = 0
        self._most = most_characters
        self._begin()

    def feed(self, line: str) -> ServerEvent | None:
        """Take one line; return the event that it completes."""
        if not line:
            return self._complete()
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "event":
            self._name = value
        elif field == "data":
            self._characters += len(value)
            if self._characters <= self._most:
                self._data.append(value)
        return None

    def _begin(self) -> None:
        self._name = ""
        self._data: list[str] = []
        self._characters = 0

    def _complete(self) -> ServerEvent | None:
        is_too_long = self._characters > self._most
        self.dropped += is_too_long
        event = ServerEvent(name=self._name or "message", data="\n".join(self._data))
        has_data = bool(self._data) and not is_too_long
        self._begin()
        return event if has_data else None
