"""Plans rendered as what is to be done with workers, where restores have two stages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from controller.actions import Park, Promote, StageAction, Unpark
from controller.cluster_view import StartKind
from controller.parking_feedback import park_deadline_seconds
from controller.placement import Placement
from controller.plan import Plan
from controller.plan_actions import deadline_seconds, start_name
from controller.policy import WorkloadPolicy
from controller.tick_state import TickState


def parking_actions(
    plans: Sequence[Plan],
    policies: Sequence[WorkloadPolicy],
    parks: Sequence[Placement],
    state: TickState,
    *,
    first_number: int,
) -> tuple[StageAction, ...]:
    """Return what plans ask for their workers: what goes first, so that its places are free.

    Names of one tick are told apart by numbers, which begin at ``first_number``.
    """
    pairs = list(zip(plans, policies, strict=True))
    unparks = [one for planned, _ in pairs for one in _unparks(planned)]
    promotes = [one for planned, policy in pairs for one in _promotes(planned, policy, state)]
    by_name = {policy.workload: (planned, policy) for planned, policy in pairs}
    begun = [
        _park(placed, *by_name[placed.workload], number, state)
        for number, placed in enumerate(parks, start=first_number)
    ]
    return (*unparks, *promotes, *begun)


def _unparks(planned: Plan) -> Iterator[Unpark]:
    for dropped in planned.parking.unparks if planned.parking else ():
        yield Unpark(
            name=dropped.name,
            workload=planned.workload,
            node=dropped.node,
            reason=dropped.reason,
        )


def _promotes(planned: Plan, policy: WorkloadPolicy, state: TickState) -> Iterator[Promote]:
    if planned.parking is None or not planned.parking.promotions:
        return
    seconds = deadline_seconds(state, policy, StartKind.RESTORE)
    for promotion in planned.parking.promotions:
        yield Promote(
            name=promotion.name,
            workload=planned.workload,
            node=promotion.node,
            decided_at=planned.at,
            deadline_at=planned.at + seconds,
            reason=f"{planned.reason}: target {planned.target}",
            attempt=promotion.attempt,
        )


def _park(
    placed: Placement, planned: Plan, policy: WorkloadPolicy, number: int, state: TickState
) -> Park:
    assert planned.parking is not None
    return Park(
        name=start_name(planned, number),
        workload=placed.workload,
        node=placed.node,
        decided_at=planned.at,
        deadline_at=planned.at + park_deadline_seconds(state, policy),
        reason=f"target {planned.parking.target} workers",
        gpus=placed.gpus,
        attempt=placed.attempt,
    )
