"""Why a plan is what it is, in sentences. Pure: facts in, words out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from controller.plan import Reason
from headstart.parking_words import effects as staged_effects
from headstart.parking_words import log_parts, need_text, noun_for, stock_text
from headstart.plan_facts import PlanFacts

_REASONS = {
    Reason.FORECAST: "The forecast sets the target: it is the higher of the two.",
    Reason.REACTIVE: "Demand that is already here sets the target: it exceeds the forecast.",
    Reason.BACKLOG: "Requests that wait already set the target: they must be cleared.",
    Reason.BOOST: "An alert sets the target: it announced more demand.",
    Reason.HOLD: "The hold sets the target: replicas are kept until no recent and no coming "
    "demand needs them.",
    Reason.MIN_REPLICAS: "limits.minReplicas sets the target: less is needed.",
    Reason.MAX_REPLICAS: "limits.maxReplicas or gpuBudget caps the target: more is needed.",
    Reason.MAX_STEP: "limits.maxStep caps the target: more is needed, and comes at the next ticks.",
    Reason.POOL: "The pool is too small for all: others avoid more missed demand with its GPUs.",
    Reason.NO_DEMAND: "There is no demand and none is forecast.",
    Reason.NO_FORECAST: "There is no forecast to trust: measured demand with headroom sets the "
    "target.",
}


def explain(
    facts: PlanFacts, *, time_text: Callable[[float], str], next_start_at: float | None = None
) -> tuple[str, ...]:
    """Return the sentences: state, demand, forecast, reason, what starts, and what if it did not.

    ``next_start_at`` is when a later plan of a recorded run did start something.
    """
    sentences = [_state(facts, time_text), _demand(facts)]
    if facts.reason != Reason.NO_FORECAST:
        sentences.append(_forecast(facts))
    sentences.append(_reactive(facts))
    sentences.append(need_text(facts.parking))
    sentences.append(_REASONS[Reason(facts.reason)] if _is_reason(facts) else _other(facts))
    sentences.extend(_effects(facts, time_text))
    sentences.append(_upcoming(facts, time_text, next_start_at))
    sentences.append(_otherwise(facts, time_text))
    return tuple(sentence for sentence in sentences if sentence)


def log_line(facts: PlanFacts) -> str:
    """Say what a plan does and why, in one line; empty if it does nothing."""
    parts = []
    if facts.parking is not None:
        parts += log_parts(facts.parking, starts=facts.starts, cause=_cause(facts))
    elif facts.starts:
        parts.append(f"start {facts.starts} {noun_for(facts.starts, 'restore')}: {_cause(facts)}")
        if facts.waiting:
            parts.append(f"{facts.waiting} more {_waits(facts.waiting)} for room")
    for reason, count in Counter(facts.cancels).items():
        parts.append(f"give up {count} {noun_for(count, 'start')}{_after_colon(reason)}")
    if facts.releases and not facts.starts:
        count = facts.releases
        parts.append(f"release {count} {noun_for(count, 'replica')}: {facts.target} suffice")
    return "; ".join(parts)


def replicas_text(count: int) -> str:
    """Write a number of replicas."""
    return f"{count} {noun_for(count, 'replica')}"


def percent_text(level: float) -> str:
    """Write a quantile's level as a probability."""
    return f"{level * 100:.4g} %"


def _cause(facts: PlanFacts) -> str:
    """Name what set the target, short."""
    total = replicas_text(facts.target)
    level = f"p{facts.quantile_level * 100:.3g}"
    known = {
        Reason.FORECAST: f"forecast {level} of the next {facts.lead_time_seconds:.0f} s "
        f"needs {total}",
        Reason.REACTIVE: f"demand of {_rate(facts)} needs {total} now",
        Reason.BACKLOG: f"requests are waiting, {total} clear them",
        Reason.BOOST: f"an alert announced demand, {total} serve it",
        Reason.NO_FORECAST: f"no forecast, demand of {_rate(facts)} with headroom needs {total}",
        Reason.MIN_REPLICAS: f"limits.minReplicas asks for {total}",
        Reason.MAX_REPLICAS: f"more is needed, {total} are allowed",
        Reason.MAX_STEP: f"more is needed, limits.maxStep allows {total} for now",
        Reason.POOL: f"more is needed, {total} are its share of the pool",
        # Something kept has just been lost, or it would not have to be started.
        Reason.HOLD: f"a replica was lost, {total} are held",
    }
    return known[Reason(facts.reason)] if _is_reason(facts) and facts.reason in known else total


def _state(facts: PlanFacts, time_text: Callable[[float], str]) -> str:
    name = f" of {facts.workload}" if facts.workload else ""
    return (
        f"At {time_text(facts.at)} the target{name} is {replicas_text(facts.target)}: "
        f"{facts.ready} ready, {facts.restoring} restoring{stock_text(facts.parking)}."
    )


def _demand(facts: PlanFacts) -> str:
    if facts.demand_per_second is None:
        return "Demand is not known: no source has answered."
    return f"Demand is {_rate(facts)}."


def _forecast(facts: PlanFacts) -> str:
    if not facts.floor:
        return "No forecast needs a replica."
    return (
        f"The forecast needs {replicas_text(facts.floor)}: enough for the demand of the next "
        f"{facts.lead_time_seconds:.0f} s in {percent_text(facts.quantile_level)} of cases, and "
        f"{facts.lead_time_seconds:.0f} s is the lead time planned with."
    )


def _reactive(facts: PlanFacts) -> str:
    if facts.reason == Reason.BOOST:
        return f"Demand and what an alert announced need {replicas_text(facts.reactive)}."
    return f"Demand that is already here needs {replicas_text(facts.reactive)}."


def _effects(facts: PlanFacts, time_text: Callable[[float], str]) -> list[str]:
    effects = []
    ready_at = facts.at + facts.lead_time_seconds
    if facts.parking is not None:
        effects += staged_effects(
            facts.parking,
            starts=facts.starts,
            waiting=facts.waiting,
            ready_at=ready_at,
            time_text=time_text,
        )
    else:
        effects += _restores(facts, time_text(ready_at))
    for reason, times in Counter(facts.cancels).items():
        verb = "is" if times == 1 else "are"
        effects.append(f"{times} {noun_for(times, 'start')} {verb} given up{_after_colon(reason)}.")
    if facts.releases:
        verb = "is" if facts.releases == 1 else "are"
        effects.append(f"{replicas_text(facts.releases)} {verb} drained and released.")
    if not effects:
        effects.append("Nothing starts and nothing is released now.")
    return effects


def _restores(facts: PlanFacts, ready: str) -> list[str]:
    """Say how many restores start, and how many more are wanted and find no room."""
    told = []
    if facts.starts:
        verb = "starts" if facts.starts == 1 else "start"
        count = f"{facts.starts} {noun_for(facts.starts, 'restore')}"
        told.append(f"{count} {verb} now, to serve by {ready}.")
    if facts.waiting:
        more = "more" if facts.starts else noun_for(facts.waiting, "restore")
        told.append(f"{facts.waiting} {more} {_waits(facts.waiting)} for room.")
    return told


def _waits(count: int) -> str:
    return "waits" if count == 1 else "wait"


def _upcoming(
    facts: PlanFacts, time_text: Callable[[float], str], next_start_at: float | None
) -> str:
    if facts.upcoming:
        first = facts.upcoming[0]
        count = f"{first.count} {noun_for(first.count, 'restore')}"
        wait = max(0.0, first.start_at - facts.at)
        when = f"in {wait:.0f} s, at {time_text(first.start_at)}"
        return f"Next: {count} {when}, if the forecast stays as it is."
    if next_start_at is not None:
        return f"The next restores of this run started at {time_text(next_start_at)}."
    return "" if facts.upcoming is None else "As the forecast stands, no further restore is due."


def _otherwise(facts: PlanFacts, time_text: Callable[[float], str]) -> str:
    """Say what happens if the plan is not followed."""
    have = replicas_text(facts.ready + facts.restoring)
    if facts.starts:
        by = time_text(facts.at + facts.lead_time_seconds)
        only = f"{have} would have to do until after {by}"
        they = "it" if facts.starts == 1 else "they"
        return f"If {they} did not start now, {only}: requests may wait."
    if facts.releases:
        return "If it were not released, a GPU would stay paid for that no expected demand needs."
    return ""


def _rate(facts: PlanFacts) -> str:
    if facts.demand_per_second is None:
        return "unknown size"
    return f"{facts.demand_per_second:.3g} per second"


def _other(facts: PlanFacts) -> str:
    return f"The reason given is {facts.reason!r}."


def _after_colon(reason: str) -> str:
    return f": {reason}" if reason else ""


def _is_reason(facts: PlanFacts) -> bool:
    return facts.reason in {str(reason) for reason in Reason}
