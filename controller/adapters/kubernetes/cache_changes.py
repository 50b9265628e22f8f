"""What an event or a new list changes in a cache. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from controller.adapters.kubernetes.exchange import Json

_KINDS = frozenset({"ADDED", "MODIFIED", "DELETED"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One object that came, changed or went; ``type`` is ADDED, MODIFIED or DELETED."""

    type: str
    object: Json


def key_of(obj: Json) -> str:
    """Return ``namespace/name``, or ``name`` for an object without a namespace."""
    metadata = obj.get("metadata") or {}
    name, namespace = str(metadata.get("name", "")), metadata.get("namespace")
    return f"{namespace}/{name}" if namespace else name


def change_of(known: Mapping[str, Json], event: Json) -> Change | None:
    """Return what a watch's event changes, None if that is nothing.

    A bookmark changes nothing, nor does news older than what is known: an answer to a write of
    our own may have come before it.
    """
    kind, obj = str(event.get("type")), event["object"]
    if kind not in _KINDS:
        return None
    present = known.get(key_of(obj))
    if present is None:
        return None if kind == "DELETED" else Change(type="ADDED", object=obj)
    if version_number(obj) < version_number(present):
        return None
    if kind == "DELETED":
        return Change(type="DELETED", object=obj)
    if _version(obj) == _version(present):
        return None
    return Change(type="MODIFIED", object=obj)


def relisted(known: Mapping[str, Json], items: Iterable[Json]) -> tuple[Change, ...]:
    """Return what a new list changes: objects gone first, then those that came or changed."""
    listed = {key_of(item): item for item in items}
    gone = [Change(type="DELETED", object=obj) for key, obj in known.items() if key not in listed]
    news = [
        Change(type="MODIFIED" if key in known else "ADDED", object=item)
        for key, item in listed.items()
        if key not in known or _version(known[key]) != _version(item)
    ]
    return (*gone, *news)


def overtaken(
    known: Mapping[str, Json], items: Iterable[Json], list_version: str
) -> tuple[Change, ...]:
    """Return what a list changes that was read beside a watch: each may be ahead of the other."""
    at = int(list_version) if list_version.isdecimal() else 0
    return tuple(
        change
        for change in relisted(known, items)
        if version_number(known.get(key_of(change.object), {})) <= _reached(change, at)
    )


def version_number(obj: Json) -> int:
    """Return an object's resource version as a number, 0 if it is none."""
    text = _version(obj)
    return int(text) if text.isdecimal() else 0


def _reached(change: Change, list_version: int) -> int:
    """Return up to where a list's word counts: an object that it lacks may be newer than it."""
    return list_version if change.type == "DELETED" else version_number(change.object)


def _version(obj: Json) -> str:
    return str((obj.get("metadata") or {}).get("resourceVersion", ""))
