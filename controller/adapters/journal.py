"""A journal of what was planned and done: one JSON object a line, in a file of bounded size."""

from __future__ import annotations

import json
import logging
from pathlib import Path

from controller.actions import Action, Cancel, Start
from controller.plan_codec import encode_plan
from controller.tick_report import TickReport

_log = logging.getLogger(__name__)


class Journal:
    """Appends each tick in which something happened; to be subscribed to the reconciler.

    Beyond ``most_bytes`` the file is moved aside to ``NAME.1``, whose predecessor is dropped. A
    disk that is full or gone is said once and costs nothing but the journal.
    """

    def __init__(self, path: Path, *, most_bytes: int = 32_000_000) -> None:
        """Write to ``path``; nothing is opened before there is something to write."""
        self._path = path
        self._most = most_bytes
        self._is_failing = False
        self._last_trouble = ""

    def observe(self, report: TickReport) -> None:
        """Write down one tick, unless nothing happened in it."""
        is_news = report.acted or report.refused or report.events
        if not is_news and report.trouble == self._last_trouble:
            return
        self._last_trouble = report.trouble
        try:
            self._append(json.dumps(journal_entry(report), separators=(",", ":"), allow_nan=False))
        except OSError as error:
            if not self._is_failing:
                _log.warning("journal: %s: %s; it goes on without", self._path, error.strerror)
            self._is_failing = True
        else:
            self._is_failing = False

    def _append(self, line: str) -> None:
        try:
            if self._path.stat().st_size + len(line) > self._most:
                self._path.replace(self._path.with_name(self._path.name + ".1"))
        except FileNotFoundError:
            self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")


def journal_entry(report: TickReport) -> dict[str, object]:
    """Return the JSON object of one tick: plans that ask for something, and what came of it."""
    return {
        "at": report.now,
        "plans": [
            encode_plan(plan)
            for plan in report.plans
            if plan.starts or plan.releases or plan.cancels
        ],
        "acted": [_encode_action(action) for action in report.acted],
        "refused": [{**_encode_action(one.action), "why": one.why} for one in report.refused],
        "heldBack": report.held_back,
        "events": list(report.events),
        "trouble": report.trouble,
    }


def _encode_action(action: Action) -> dict[str, object]:
    common: dict[str, object] = {"name": action.name, "reason": action.reason}
    if isinstance(action, Start):
        start = {"workload": action.workload, "node": action.node, "kind": action.kind.value}
        return {"action": "start", **common, **start, "attempt": action.attempt}
    return {"action": "cancel" if isinstance(action, Cancel) else "release", **common}
