"""Make the demo's traffic: four hours of an invented chat service, and the hour that is played.

The same every time. Its output is ``demo_data/hour.csv``; ``python -m headstart.demo_traffic``
writes it anew. What is in it: a day that warms up, a report job every 20 minutes, a bigger one on
the hour, two ramps, a flash crowd that nobody could know of, and noise.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from models.forecast import FloatArray

#: 2026-03-02 10:00:00 UTC, a Monday.
START_EPOCH_SECONDS = 1_772_445_600
STEP_SECONDS = 10
WARMUP_SECONDS = 4 * 3600
PLAYED_SECONDS = 3600
DATA_FILE = Path(__file__).parent / "demo_data" / "hour.csv"


def mean_rate(at_seconds: FloatArray) -> FloatArray:
    """Return the expected requests per second at times since the start, noise left out."""
    hours = at_seconds / 3600
    daily = 45 + 40 * np.sin(np.pi * np.clip(hours / 9, 0, 1))
    rate = daily + _pulse(at_seconds % 1200, begin=60, rise=20, hold=150, fall=60) * 85
    rate = rate + _pulse(at_seconds % 3600, begin=1800, rise=40, hold=240, fall=90) * 70
    played = at_seconds - WARMUP_SECONDS
    rate = rate + _pulse(played, begin=660, rise=420, hold=120, fall=240) * 60
    rate = rate + _pulse(played, begin=2860, rise=150, hold=90, fall=280) * 60
    return np.asarray(rate, dtype=np.float64)


def requests_per_step(*, seed: int = 20) -> FloatArray:
    """Return how many requests arrive in each step: Poisson about a slowly wandering mean."""
    generator = np.random.default_rng(seed)
    steps = (WARMUP_SECONDS + PLAYED_SECONDS) // STEP_SECONDS
    middle: FloatArray = np.arange(0.5, steps, 1.0, dtype=np.float64) * STEP_SECONDS
    wander = np.zeros(steps)
    shocks = generator.normal(0, 0.012, steps)
    for step in range(1, steps):
        # Half of a disturbance is gone after about two minutes, as with users who retry and talk.
        wander[step] = 0.94 * wander[step - 1] + shocks[step]
    return generator.poisson(mean_rate(middle) * np.exp(wander) * STEP_SECONDS).astype(np.float64)


def to_csv(requests: FloatArray) -> str:
    """Render the steps as a ``timestamp,requests`` trace."""
    rows = (
        f"{START_EPOCH_SECONDS + step * STEP_SECONDS},{count:.0f}"
        for step, count in enumerate(requests)
    )
    return "timestamp,requests\n" + "\n".join(rows) + "\n"


def _pulse(
    at_seconds: FloatArray, *, begin: float, rise: float, hold: float, fall: float
) -> FloatArray:
    """Return 0, up to 1 within ``rise``, 1 for ``hold``, back to 0 within ``fall``; seconds."""
    corners = np.cumsum([begin, rise, hold, fall])
    return np.interp(at_seconds, corners, [0.0, 1.0, 1.0, 0.0], left=0.0, right=0.0)


if __name__ == "__main__":
    DATA_FILE.write_text(to_csv(requests_per_step()), encoding="ascii")
    sys.stdout.write(f"{DATA_FILE}\n")
