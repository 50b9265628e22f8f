"""Nodes with free GPUs, kept in the order in which a start takes them.

Thousands of nodes look alike to a start: those with as many starts under way and as many free GPUs
stand in one line, by name. So the best node is found without a look at every other.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Collection, Iterator, Mapping

from controller.cluster_view import NodeName


class FreeNodes:
    """``free`` GPUs by node and the starts under way on each; changed by ``take`` alone."""

    def __init__(self, free: Mapping[NodeName, int], starting: Mapping[NodeName, int]) -> None:
        """Line nodes up."""
        self.free = dict(free)
        self.starting: Counter[NodeName] = Counter(starting)
        self._lines: dict[tuple[int, int], list[NodeName]] = {}
        for name in sorted(self.free):
            self._lines.setdefault(self._place(name), []).append(name)

    def take(self, name: NodeName, gpus: int) -> None:
        """Note one more start on a node."""
        line = self._lines[self._place(name)]
        del line[bisect_left(line, name)]
        if not line:
            del self._lines[self._place(name)]
        self.free[name] -= gpus
        self.starting[name] += 1
        insort(self._lines.setdefault(self._place(name), []), name)

    def fits(self, name: NodeName, gpus: int, most_starting: int) -> bool:
        """Say whether a node has room for a start."""
        return self.free.get(name, 0) >= gpus and self.starting[name] < most_starting

    def first(
        self, gpus: int, most_starting: int, without: Collection[NodeName]
    ) -> NodeName | None:
        """Return the node with the fewest starts, of those the tightest fit, then by name."""
        return next(
            (
                name
                for line in self._fitting(gpus, most_starting)
                for name in line
                if name not in without
            ),
            None,
        )

    def _fitting(self, gpus: int, most_starting: int) -> Iterator[list[NodeName]]:
        for place in sorted(self._lines):
            starting, free = place
            if free >= gpus and starting < most_starting:
                yield self._lines[place]

    def _place(self, name: NodeName) -> tuple[int, int]:
        return (self.starting[name], self.free[name])
