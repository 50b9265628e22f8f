from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from controller.adapters.keda.answers import POLICY_KEY

FOLDER = Path(__file__).parents[3] / "deploy" / "keda"
EXAMPLES = sorted(FOLDER.glob("scaledobject-*.yaml"))


def test_each_way_has_an_example() -> None:
    ways = {path.stem.removeprefix("scaledobject-") for path in EXAMPLES}
    assert ways == {"fallback", "formula", "poll", "push"}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_does_what_the_scaler_needs(path: Path) -> None:
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    spec = document["spec"]
    behavior = spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    assert {"Pods", "Percent"} == {one["type"] for one in behavior["scaleUp"]["policies"]}
    threshold = spec.get("fallback", {}).get("failureThreshold", 0)
    assert spec["cooldownPeriod"] > 2 * (60 + threshold * spec["pollingInterval"])
    [trigger] = [one for one in spec["triggers"] if one["type"].startswith("external")]
    assert trigger["metricType"] == "AverageValue"
    assert trigger["metadata"][POLICY_KEY] == "chat"
    assert trigger["authenticationRef"]["name"] == authentication()["metadata"]["name"]
    assert document["metadata"]["namespace"] == authentication()["metadata"]["namespace"]


def test_a_formula_names_its_triggers() -> None:
    spec = yaml.safe_load((FOLDER / "scaledobject-formula.yaml").read_text("utf-8"))["spec"]
    names = {trigger["name"] for trigger in spec["triggers"]}
    formula = spec["advanced"]["scalingModifiers"]["formula"]
    assert set(formula.replace("?", "").split()) == names
    assert spec["fallback"]["behavior"] == "scalingModifiers"


def authentication() -> Any:
    return yaml.safe_load((FOLDER / "authentication.yaml").read_text("utf-8"))
