"""Carrying out what a tick decided: several actions at once, those upon one node in their order.

An API server answers in milliseconds, but a ramp asks for dozens of starts: one after the other
the last would begin seconds late. Two on one node would get into each other's way.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from controller.actions import Action, Resize, StageAction, Start
from controller.cluster_view import Fleet
from controller.errors import ActionRefusedError, ClusterUnavailableError, StartRefusedError
from controller.loop_settings import LoopSettings
from controller.policy import Mode
from controller.ports import Cluster
from controller.tick_report import RefusedAction
from models.forecast import WorkloadName

_log = logging.getLogger(__name__)
_Numbered = tuple[int, Action]


@dataclass(frozen=True, slots=True, kw_only=True)
class Acts:
    """What came of one tick's actions, in the order in which they were decided."""

    acted: tuple[Action, ...]
    refused: tuple[RefusedAction, ...]
    held_back: int
    trouble: str
    is_cluster_up: bool
    is_pause_kept: bool


@dataclass(slots=True)
class Acting:
    """One tick's actions upon a cluster, as it was seen; to be used once.

    ``is_stale`` says whether the view has become too old to act upon.
    """

    cluster: Cluster
    fleet: Fleet
    modes: Mapping[WorkloadName, Mode]
    settings: LoopSettings
    is_stale: Callable[[], bool]
    _acted: dict[int, Action] = field(default_factory=dict)
    _refused: dict[int, RefusedAction] = field(default_factory=dict)
    _trouble: str = ""
    _is_cluster_up: bool = True
    _pauses_kept: list[bool] = field(default_factory=list)

    async def carry_out(self, actions: Sequence[Action]) -> Acts:
        """Act for the workloads that may be acted for; after trouble begin nothing more."""
        waiting = deque(self._lanes(actions))
        async with asyncio.TaskGroup() as tasks:
            for _ in range(min(self.settings.actions_at_once, len(waiting))):
                tasks.create_task(self._work_off(waiting))
        return Acts(
            acted=tuple(self._acted[index] for index in sorted(self._acted)),
            refused=tuple(self._refused[index] for index in sorted(self._refused)),
            held_back=len(actions) - len(self._acted) - len(self._refused),
            trouble=self._trouble,
            is_cluster_up=self._is_cluster_up,
            is_pause_kept=bool(self._pauses_kept) and all(self._pauses_kept),
        )

    def _lanes(self, actions: Sequence[Action]) -> list[list[_Numbered]]:
        """Part what may be done into what is to be done one after the other."""
        replicas = {replica.name: replica for replica in self.fleet.replicas}
        lanes: dict[str, list[_Numbered]] = {}
        for index, action in enumerate(actions):
            workload: WorkloadName | None
            if isinstance(action, Resize):
                workload, lane = action.workload, f"workload {action.workload}"
            elif isinstance(action, Start | StageAction):
                workload, lane = action.workload, action.node
            else:
                replica = replicas.get(action.name)
                workload = replica.workload if replica is not None else None
                lane = replica.node if replica is not None else ""
            if workload is not None and self.modes.get(workload) is Mode.ACT:
                lanes.setdefault(lane, []).append((index, action))
        return list(lanes.values())

    async def _work_off(self, waiting: deque[list[_Numbered]]) -> None:
        while waiting:
            for index, action in waiting.popleft():
                if not self._trouble and self.is_stale():
                    self._trouble = (
                        "the view grew too old while acting: the rest waits for the next"
                    )
                if self._trouble:
                    return
                await self._act_once(index, action)

    async def _act_once(self, index: int, action: Action) -> None:
        try:
            async with asyncio.timeout(self.settings.call_timeout_seconds):
                await self.cluster.act(action)
        except ActionRefusedError as error:
            is_lasting = isinstance(error, StartRefusedError)
            self._refused[index] = RefusedAction(
                action=action, why=str(error), is_lasting=is_lasting
            )
        except (ClusterUnavailableError, TimeoutError) as error:
            why = str(error) or self.settings.no_answer("act")
            self._trouble, self._is_cluster_up = f"cluster: {why}", False
            self._pauses_kept.append(
                isinstance(error, ClusterUnavailableError) and error.is_pause_kept
            )
        except Exception as error:
            # A bug that one action met must not break off the others, nor hide what was done: it
            # may be of one workload alone, at every tick.
            _log.exception("an action failed")
            why = f"{type(error).__name__}: {error}"
            self._refused[index] = RefusedAction(action=action, why=why, is_lasting=True)
        else:
            self._acted[index] = action
