"""What the numbers say, in words for somebody who will not read a chart."""

from __future__ import annotations

from headstart.report.axes import count_text, hours_text, number_text, share_text, span_text
from headstart.report.content import Comparison, ReportInput

#: What differs by less than half a percent.
SAME = "the same"


def sentences(run: ReportInput) -> tuple[str, ...]:
    """Return all that is said of a run, in the order of reading."""
    verdict = (headline(run), by_cost(run), against_reactive(run), against_bound(run))
    said = (*run.premises, *verdict, *run.notes)
    return tuple(sentence for sentence in said if sentence)


def headline(run: ReportInput) -> str:
    """Say in one sentence whether the objective held, and what GPUs it took; or what it cost."""
    own = run.own
    if run.objective is None:
        return (
            f"Headstart cost {money_text(own)} at the policy's prices: "
            f"{gpu_hours_text(own.gpu_seconds)} and "
            f"{count_text(round(run.requests_missed), 'late request')} over {_span(run)}; "
            f"{share_text(own.attained_share)} of requests waited less than {_wait(run)}."
        )
    verb = "kept" if own.attained_share >= run.objective else "fell short of"
    kept = f"{share_text(own.attained_share)} of requests waited less than {_wait(run)}"
    return (
        f"Headstart {verb} the objective: {kept} ({share_text(run.objective)} was asked for), "
        f"with {gpu_hours_text(own.gpu_seconds)} over {_span(run)}."
    )


def against_reactive(run: ReportInput) -> str:
    """Compare with reactive scaling; empty if it was not played."""
    other = run.comparison(is_bound=False)
    if other is None:
        return ""
    name = other.name[:1].upper() + other.name[1:]
    start = (
        f"{name}, which acts when demand has already come, would have kept "
        f"{share_text(other.attained_share)} with {gpu_hours_text(other.gpu_seconds)}"
    )
    return f"{start}: {_difference(run, other)}."


def by_cost(run: ReportInput) -> str:
    """Compare with reactive scaling in money; empty where money does not decide."""
    other = run.comparison(is_bound=False)
    if run.objective is not None or other is None:
        return ""
    change = change_text(run.own.money or 0.0, other.money or 0.0)
    return f"By cost that is {change} {other.name}, which would have cost {money_text(other)}."


def against_bound(run: ReportInput) -> str:
    """Say how near this is to a planner that knows the future; empty if that was not computed."""
    bound = run.comparison(is_bound=True)
    if bound is None or bound.gpu_seconds <= 0:
        return ""
    needed = gpu_hours_text(bound.gpu_seconds)
    if is_met(run, bound) is False:
        return (
            "Not even a planner that knew the future was found to keep the objective: with "
            f"{needed} it would have kept {share_text(bound.attained_share)}."
        )
    extra = run.own.gpu_seconds / bound.gpu_seconds - 1
    used = f"{_percent(abs(extra))} {'more' if extra >= 0 else 'less'}"
    would = f"A planner that knew the future would have needed {needed}"
    if is_met(run, run.own) is False:
        return f"{would} to keep the objective; Headstart used {used}, and fell short of it."
    if extra < 0:
        # Money alone decides here: the bound serves at least half in time, and Headstart did not.
        return (
            f"{would} to serve {share_text(bound.attained_share)} in time; Headstart used {used}, "
            f"and served {share_text(run.own.attained_share)}."
        )
    return f"{would}; Headstart used {used} than that bound."


def gpu_hours_text(gpu_seconds: float) -> str:
    """Write GPU time in GPU-hours."""
    return f"{hours_text(gpu_seconds)} GPU-hours"


def objective_text(run: ReportInput) -> str:
    """Name what the run is judged by: a share, or money."""
    return "by cost" if run.objective is None else share_text(run.objective)


def is_met(run: ReportInput, row: Comparison) -> bool | None:
    """Say whether a row keeps the objective; None where money decides and none is kept."""
    return None if run.objective is None else row.attained_share >= run.objective


def money_text(row: Comparison) -> str:
    """Write what a row cost, in the policy's currency."""
    return "unknown" if row.money is None else f"{row.money:,.2f}"


def change_text(own: float, other: float) -> str:
    """Write how much less or more ``own`` is than ``other``, in percent; up to the other's name."""
    change = amount_text(own, other)
    return f"{change} as" if change == SAME else f"{change} than"


def amount_text(own: float, other: float) -> str:
    """Write how much less or more ``own`` is than ``other``, in percent, or that it is the same."""
    change = own / other - 1 if other > 0 else 0.0
    if abs(change) < 0.005:
        return SAME
    return f"{_percent(abs(change))} {'less' if change < 0 else 'more'}"


def _difference(run: ReportInput, other: Comparison) -> str:
    """Say what Headstart saves in misses and in GPUs; one may be the price of the other."""
    own = run.own
    gpus = amount_text(own.gpu_seconds, other.gpu_seconds)
    gpus = "as much GPU time" if gpus == SAME else f"{gpus} GPU time"
    late, late_other = 1 - own.attained_share, 1 - other.attained_share
    if late < 1e-6 < late_other:
        count = count_text(round(late_other * run.requests_total), "late request")
        return f"{count}, against none with Headstart, which took {gpus}"
    if late_other - late > 0.0005:
        factor = late_other / max(late, 1e-9)
        fewer = f"{factor:.1f} times" if factor < 50 else "more than 50 times"
        return f"{fewer} as many late requests as with Headstart, which took {gpus}"
    if late - late_other > 0.0005:
        return f"fewer late requests than with Headstart, which took {gpus}"
    return f"as many late requests as with Headstart, which took {gpus}"


def _wait(run: ReportInput) -> str:
    return f"{number_text(run.wait_seconds)} s"


def _span(run: ReportInput) -> str:
    return span_text(float(run.times[-1] - run.times[0]))


def _percent(share: float) -> str:
    return f"{share * 100:.0f} %"
