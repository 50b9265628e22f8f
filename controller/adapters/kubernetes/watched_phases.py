"""The phases of starts under way, sharpened by when the watch told of them."""

from __future__ import annotations

from collections.abc import Mapping

from controller.adapters.kubernetes.drivers.driver import Stage
from controller.adapters.kubernetes.exchange import Json
from controller.adapters.kubernetes.phases import reached, refined
from controller.adapters.kubernetes.pods import is_ours
from controller.adapters.kubernetes.replicas import progress_of


class WatchedPhases:
    """To be subscribed to the cache of pods. What is lost with the process is only sharpness."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._times: dict[str, dict[str, float]] = {}

    def receive(self, kind: str, pod: Json, heard_at: float) -> None:
        """Take in a change of a pod."""
        if not is_ours(pod):
            return
        uid = str(pod["metadata"].get("uid", ""))
        if kind == "DELETED":
            self._times.pop(uid, None)
            return
        server = _reached(pod, heard_at)
        self._times[uid] = refined(self._times.get(uid, {}), server, heard_at)

    def of(self, pod: Json, now: float) -> Mapping[str, float]:
        """Return the phases that a pod has reached."""
        known = self._times.get(str(pod["metadata"].get("uid", "")))
        return known if known is not None else _reached(pod, now)


def _reached(pod: Json, heard_at: float) -> dict[str, float]:
    progress = progress_of(pod)
    if progress.stage is not Stage.RESTORED:
        return reached(pod, None)
    return reached(pod, progress.at if progress.at is not None else heard_at)
