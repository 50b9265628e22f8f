"""The peak memory of a process and those that it started, read from /proc (Linux)."""

from __future__ import annotations

from pathlib import Path

_PROC = Path("/proc")


def peak_by_process(root: int, known: dict[int, int]) -> dict[int, int]:
    """Return the largest resident size in bytes of a process and its descendants, by their ids.

    ``known`` is what an earlier call returned: a process that has ended keeps its last size.
    """
    parents = {pid: parent for pid in _processes() if (parent := _field(pid, "PPid")) is not None}
    family = {root}
    while found := {pid for pid, up in parents.items() if up in family and pid not in family}:
        family |= found
    peaks = dict(known)
    for pid in family:
        kibibytes = _field(pid, "VmHWM")
        if kibibytes is not None:
            peaks[pid] = max(peaks.get(pid, 0), kibibytes * 1024)
    return peaks


def _processes() -> list[int]:
    return [int(path.name) for path in _PROC.iterdir() if path.name.isdigit()]


def _field(pid: int, name: str) -> int | None:
    """Return a number of a process's status, None if it has ended."""
    try:
        lines = (_PROC / str(pid) / "status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return None
    for line in lines:
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    return None
