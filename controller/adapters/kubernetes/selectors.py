"""Label selectors in the text form that ``status.selector`` of a scale has. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

_LISTED = re.compile(r"^(?P<key>[^\s!=(),]+)\s+(?P<how>in|notin)\s*\((?P<values>[^()]*)\)$")
_COMPARED = re.compile(r"^(?P<key>[^\s!=(),]+)\s*(?P<how>==|=|!=)\s*(?P<value>[^\s!=(),]*)$")
_PRESENT = re.compile(r"^(?P<how>!?)\s*(?P<key>[^\s!=(),]+)$")
#: Commas part requirements, but not within brackets.
_COMMA = re.compile(r",(?![^()]*\))")


class Operator(Enum):
    """How a label is compared."""

    IN = "in"
    NOT_IN = "notin"
    EXISTS = "exists"
    MISSING = "missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """What is asked of one label."""

    key: str
    operator: Operator
    values: frozenset[str] = frozenset()

    def is_met(self, labels: Mapping[str, str]) -> bool:
        """Say whether labels are as asked; one that is missing is not in any list."""
        match self.operator:
            case Operator.IN:
                return labels.get(self.key) in self.values
            case Operator.NOT_IN:
                return labels.get(self.key) not in self.values
            case Operator.EXISTS:
                return self.key in labels
            case Operator.MISSING:
                return self.key not in labels


@dataclass(frozen=True, slots=True, kw_only=True)
class Selector:
    """All requirements must be met."""

    requirements: tuple[Requirement, ...]

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Say whether an object with these labels is selected."""
        return all(one.is_met(labels) for one in self.requirements)

    @property
    def anchors(self) -> tuple[tuple[str, str], ...]:
        """One of these labels every selected object has; empty if that can't be told."""
        for one in self.requirements:
            if one.operator is Operator.IN:
                return tuple((one.key, value) for value in sorted(one.values))
        return ()


def selector_of(text: str) -> Selector:
    """Return the selector that a text says.

    Raises:
        ValueError: if it says none, or selects everything.
    """
    parts = [part.strip() for part in _COMMA.split(text) if part.strip()]
    if not parts:
        raise ValueError("the selector is empty: it would select every pod")
    return Selector(requirements=tuple(_requirement(part) for part in parts))


def _requirement(part: str) -> Requirement:
    if found := _LISTED.match(part):
        values = frozenset(value.strip() for value in found["values"].split(","))
        return Requirement(key=found["key"], operator=Operator(found["how"]), values=values)
    if found := _COMPARED.match(part):
        how = Operator.NOT_IN if found["how"] == "!=" else Operator.IN
        return Requirement(key=found["key"], operator=how, values=frozenset({found["value"]}))
    if found := _PRESENT.match(part):
        how = Operator.MISSING if found["how"] else Operator.EXISTS
        return Requirement(key=found["key"], operator=how)
    raise ValueError(f"the selector can't be read at {part!r}")
