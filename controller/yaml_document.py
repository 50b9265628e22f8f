"""A YAML document as plain values that remember their lines, and problems that name them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

FieldPath = tuple[str | int, ...]

_SHOWN_CHARACTERS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One fault of a file: its line (0: none), the field's path, and what is wrong with it."""

    line: int
    field: str
    text: str

    def render(self, name: str) -> str:
        """Return the one line that a user reads."""
        place = f"{name}:{self.line}" if self.line else name
        return ": ".join(part for part in (place, self.field, self.text) if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class YamlDocument:
    """One document: its value without nulls, and the line and text of each of its fields."""

    value: object
    line: int
    lines: Mapping[FieldPath, int]
    texts: Mapping[FieldPath, str]
    problems: tuple[Problem, ...]

    def line_of(self, path: FieldPath) -> int:
        """Return the line of a field, or of the nearest one around it that is there."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, self.line)

    def get(self, *path: str | int) -> Any:
        """Return the value at a path, None where there is none."""
        value: Any = self.value
        for part in path:
            if isinstance(value, dict):
                value = value.get(part)
            elif isinstance(value, list) and isinstance(part, int) and part < len(value):
                value = value[part]
            else:
                return None
        return value

    def shown(self, path: FieldPath) -> str:
        """Return a value as a message shows it: text quoted, a mapping or list only by kind."""
        value = self.get(*path)
        if isinstance(value, dict):
            return "a mapping"
        if isinstance(value, list):
            return "a list"
        text = self.texts.get(path, str(value))
        short = text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…"
        return repr(short) if isinstance(value, str) else short


def field_name(path: FieldPath) -> str:
    """Return a path as people write it: ``spec.demand.calendar[0].cron``."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")
