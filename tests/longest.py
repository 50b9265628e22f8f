"""The files of tests that take longest, so that several processes end at about one time.

A long file that is begun last keeps all but one process idle.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Protocol, TypeVar

TESTS = Path(__file__).parent
#: From longest to shortest, by --durations=0: those of `make test`, whose first takes most of its
#: time, of `make test-trials`, and of `make test-cluster`.
LONGEST = (
    "integration/test_live.py",
    "integration/test_sharded.py",
    "integration/predictor/test_kafka.py",
    "integration/predictor/test_shard_group.py",
    "replay/test_recomputation.py",
    "integration/test_announced.py",
    "replay/test_causality.py",
    "integration/test_monitored.py",
    "integration/controller/test_events.py",
    "integration/test_real_parts.py",
    "unit/models/test_portfolio_accuracy.py",
    "integration/test_secured_kafka.py",
    "replay/test_feedback.py",
    "integration/test_readme_kafka.py",
    "property/test_loop.py",
    "property/test_two_stages.py",
    "integration/controller/test_event_takeover.py",
    "integration/kubernetes/keda/test_outages.py",
    "integration/kubernetes/test_killed_leaders.py",
    "integration/kubernetes/test_troubled_nodes.py",
    "integration/kubernetes/test_loop.py",
    "integration/kubernetes/test_api_trouble.py",
    "integration/kubernetes/keda/test_controllers.py",
    "integration/kubernetes/test_scale.py",
    "integration/kubernetes/test_cloud_events.py",
    "integration/kubernetes/keda/test_scaling.py",
)
_PLACES = {TESTS / name: place for place, name in enumerate(LONGEST)}


class InFile(Protocol):
    """A test, as far as it matters here."""

    @property
    def path(self) -> Path:
        """Its file."""
        ...


T = TypeVar("T", bound=InFile)


def longest_first(items: Iterable[T]) -> list[T]:
    """Return the tests with those of the longest files first, and all others in their order."""
    return sorted(items, key=lambda item: _PLACES.get(item.path, len(LONGEST)))
