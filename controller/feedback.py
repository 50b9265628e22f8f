"""Outcomes become state: forecasts judged, misses fed to the objective."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from controller.begun_shadows import shadows_for
from controller.cluster_view import RESTORING, Replica, StartKind
from controller.forecast_trust import ForecastTrust, judged
from controller.hold import Hold
from controller.level_choice import Served, chosen_level, first_level
from controller.needs import WINDOWS_AWAITED
from controller.objective import Calibration, lead_quantile_after
from controller.observation import Observation
from controller.outcomes import Outcomes, served, with_ready
from controller.plan import Plan
from controller.policy import ACT, WorkloadPolicy
from controller.shadow_fleets import Shadows, Turn
from controller.shadows import shadowed
from controller.tick_state import TickSettings, WorkloadState
from models.forecast import WorkloadName
from models.lead_time import LeadTimeKey
from models.outlook import DemandReading, Outlook
from models.series import GLITCH_SECONDS

_WINDOW_SECONDS = 60.0


def key_of(policy: WorkloadPolicy, kind: StartKind = StartKind.RESTORE) -> LeadTimeKey:
    """Return under which key a workload's starts are measured."""
    restore = policy.restore
    return _key(restore.snapshot or policy.workload, str(kind), restore.size_gib)


@lru_cache(maxsize=16_384)
def _key(snapshot: str, kind: str, size_gib: float | None) -> LeadTimeKey:
    """Return a key, remembered since every tick asks for each workload's."""
    return LeadTimeKey(snapshot=snapshot, kind=kind, size_gib=size_gib)


def begun(policy: WorkloadPolicy) -> WorkloadState:
    """Return the state of a workload that is not known yet."""
    return WorkloadState(calibration=Calibration(level=first_level(policy)))


def forecast_judged(
    state: WorkloadState,
    outlook: Outlook | None,
    workload: WorkloadName,
    settings: TickSettings,
    *,
    now: float,
) -> tuple[ForecastTrust, tuple[str, ...]]:
    """Return the trust once the forecast has been held against what came, and what to log."""
    if settings.fixed_lead_time_seconds is not None:
        return state.trust, ()
    trust = judged(
        state.trust,
        outlook,
        now=now,
        plain_per_second=state.outcomes.smooth_per_second,
    )
    if trust.is_lost == state.trust.is_lost:
        return trust, ()
    what = "is not used, it is far off" if trust.is_lost else "is used again"
    return trust, (f"{workload}: the forecast {what}",)


def ready_noted(
    state: WorkloadState,
    ready: Sequence[Replica],
    *,
    now: float,
    missing: int,
    lead_time_seconds: float,
) -> Outcomes:
    """Return the outcomes with who serves now: what is ready, and ``missing`` ones that do, too."""
    count = len(ready) + missing
    if state.began_at is None or now - state.began_at < lead_time_seconds:
        # What a loop finds when it comes up is not its doing: nothing it started can serve yet.
        count = max(count, state.target)
    came = (one.ready_at for one in ready if one.ready_at is not None)
    return with_ready(state.outcomes, now=now, ready=count, ready_at=came)


def demand_served(
    outcomes: Outcomes, reading: DemandReading | None, policy: WorkloadPolicy
) -> Outcomes:
    """Let new demand flow past the replicas that were ready."""
    if reading is None or reading.is_at_least:
        return outcomes
    return served(
        outcomes,
        until=reading.measured_at,
        per_second=reading.per_second,
        # A leap that may be a glitch is not read for a while, and if it is none was demand.
        longest_gap_seconds=WINDOWS_AWAITED * reading.window_seconds + GLITCH_SECONDS,
        capacity=policy.demand_per_replica,
        wait_seconds=policy.objective.wait_seconds,
    )


def shadows_after(
    states: Sequence[WorkloadState],
    seen: Sequence[tuple[Observation, Outcomes]],
    policies: Sequence[WorkloadPolicy],
    settings: TickSettings,
) -> Sequence[Shadows | None]:
    """Return workloads' shadows once they have seen what outcomes have.

    None of each while the lead time is fixed: nothing is learned then.
    """
    if settings.fixed_lead_time_seconds is not None:
        return [None] * len(states)
    return shadowed(
        [
            Turn(
                shadows=shadows_for(state, policy, outcomes),
                observation=observation,
                policy=policy,
                outcomes=outcomes,
                tick_seconds=settings.tick_seconds,
            )
            for state, (observation, outcomes), policy in zip(states, seen, policies, strict=True)
        ]
    )


def demand_judged(
    state: WorkloadState,
    policy: WorkloadPolicy,
    observation: Observation,
    outcomes: Outcomes,
    shadows: Shadows | None,
    settings: TickSettings,
) -> WorkloadState:
    """Return the state with new outcomes and shadows; once a minute, correct the level."""
    now, is_new = observation.now, state.began_at is None
    state = WorkloadState(
        calibration=state.calibration,
        hold=_hold_found(observation) if is_new else state.hold,
        outcomes=outcomes,
        shadows=shadows,
        trust=state.trust,
        judged=state.judged,
        slow_restores=state.slow_restores or _overruns(observation),
        target=state.target,
        began_at=now if is_new else state.began_at,
    )
    until = outcomes.until
    if until is None or until - outcomes.window_start < _WINDOW_SECONDS:
        return state
    return _window_closed(state, policy, outcomes, until, settings)


def _hold_found(observation: Observation) -> Hold:
    """Return the hold of who comes up: others wanted what is there, nobody knows for how long."""
    return Hold(((observation.now, _present(observation.ready, observation.others)),))


def _present(ready: Sequence[Replica], others: Sequence[Replica]) -> int:
    """Count the replicas that serve or come."""
    return len(ready) + len([one for one in others if one.phase is RESTORING])


def _overruns(observation: Observation) -> bool:
    """Say whether a start under way has taken longer than the lead time."""
    since = [replica.decided_at for replica in observation.others if replica.phase is RESTORING]
    return bool(since) and observation.now - min(since) > observation.lead_time_seconds


def assumed(
    state: WorkloadState,
    policy: WorkloadPolicy,
    ready: Sequence[Replica],
    others: Sequence[Replica],
) -> int:
    """Return how many replicas there would be besides, if the last plan had been carried out."""
    if policy.mode is ACT:
        return 0
    return max(state.target - _present(ready, others), 0)


def carried_out(
    state: WorkloadState, planned: Plan, policy: WorkloadPolicy, hold: Hold, trust: ForecastTrust
) -> WorkloadState:
    """Return the state once a plan is made; one that nobody carries out is judged as if it were.

    Otherwise demand that others serve would count as late, and teach a level that knows no end.
    ``hold`` and ``trust`` are this tick's; what it changed besides is in ``state`` already.
    """
    outcomes = state.outcomes
    is_new = state.began_at is not None and planned.at <= state.began_at
    if policy.mode is not ACT or is_new:
        ready = max(planned.ready, planned.target)
        outcomes = with_ready(outcomes, now=planned.at, ready=ready)
    return WorkloadState(
        calibration=state.calibration,
        hold=hold,
        outcomes=outcomes,
        shadows=state.shadows,
        trust=trust,
        judged=state.judged,
        slow_restores=state.slow_restores,
        target=planned.target,
        began_at=state.began_at,
    )


def _window_closed(
    state: WorkloadState,
    policy: WorkloadPolicy,
    outcomes: Outcomes,
    until: float,
    settings: TickSettings,
) -> WorkloadState:
    calibration = state.calibration
    if settings.fixed_lead_time_seconds is None and outcomes.window_demand > 0:
        served = Served(
            demand=outcomes.recent_demand,
            late=outcomes.recent_late,
            usual_per_second=outcomes.usual_per_second,
        )
        calibration = Calibration(
            level=chosen_level(state.shadows, served, policy)
            if state.shadows
            else calibration.level,
            lead_time_quantile=lead_quantile_after(
                calibration.lead_time_quantile,
                seconds=until - outcomes.window_start,
                late_share=outcomes.window_late / outcomes.window_demand,
                allowed=1.0 - policy.objective.attainment,
                slow_restores=state.slow_restores,
            ),
        )
    emptied = outcomes._replace(window_start=until, window_demand=0.0, window_late=0.0)
    return state._replace(calibration=calibration, outcomes=emptied, slow_restores=False)
