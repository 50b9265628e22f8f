"""From the firing of a rule to the plan with its boost, with the real programs between.

Run it with `python benchmarks/alert_delay.py`; it needs Prometheus and Alertmanager, which
`make parts` gets. The rule is the shipped one without its `for`, the route is as shipped, and
`up` ticks as it does by itself, every five seconds. The rule is evaluated each second: how long a
metric takes to be scraped, and the rule to see it, is the monitoring's affair and not counted.
"""

from __future__ import annotations

import argparse
import tempfile
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from statistics import median

from tests.integration.monitored_run import BOOSTED, NEEDED, QUEUE, Run, begin
from tests.parts.service import until

_TICK_SECONDS = 5.0


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--firings", type=int, default=10)
    firings = parser.parse_args().firings
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        run = begin(stack, folder, tick_seconds=_TICK_SECONDS, repeats=None)
        run.note("before", lambda plan: plan["ready"] >= NEEDED and plan["target"] < BOOSTED)
        delays = sorted(_delay_seconds(run, number) for number in range(firings))
    print(f"{firings} firings, a tick each {_TICK_SECONDS:g} s")
    print(
        f"rule fires -> boost in the plan: median {median(delays):.2f} s, most {delays[-1]:.2f} s"
    )


def _delay_seconds(run: Run, number: int) -> float:
    run.exporter.values[QUEUE] = 80.0
    run.note(f"boosted {number}", lambda plan: plan["reason"] == "boost")
    [alert] = [one for one in run.prometheus.alerts() if one["state"] == "firing"]
    run.exporter.values[QUEUE] = 0.0
    run.note(f"resolved {number}", lambda plan: plan["reason"] != "boost")
    until(lambda: not run.prometheus.alerts(), "the end of the alert")
    return float(run.plans[f"boosted {number}"]["at"]) - _seconds(alert["activeAt"])


def _seconds(text: str) -> float:
    """Return a time of Prometheus's in seconds since the epoch; it has more digits than Python."""
    whole, _, fraction = text.rstrip("Z").partition(".")
    return datetime.fromisoformat(f"{whole}+00:00").timestamp() + float(f"0.{fraction or 0}")


if __name__ == "__main__":
    main()
