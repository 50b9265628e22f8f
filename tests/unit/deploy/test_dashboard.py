"""The shipped dashboard is one that Grafana can lay out, and its queries ask for one workload."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

DASHBOARD = Path(__file__).parents[3] / "deploy" / "grafana" / "headstart.json"
PANELS: list[dict[str, Any]] = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
QUERIES = [target["expr"] for panel in PANELS for target in panel["targets"]]
COLUMNS = 24


def test_no_panel_covers_another_and_all_fit_the_grid() -> None:
    cells = [cells_of(panel["gridPos"]) for panel in PANELS]
    assert all(one.isdisjoint(other) for one, other in itertools.combinations(cells, 2))
    assert all(0 <= x < COLUMNS for one in cells for x, _ in one)
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)


def test_every_panel_says_what_it_shows_and_asks_the_chosen_server() -> None:
    for panel in PANELS:
        assert panel["description"].endswith(".")
        for asked in (panel, *panel["targets"]):
            assert asked["datasource"] == {"type": "prometheus", "uid": "${datasource}"}


def test_everything_but_the_pool_is_asked_of_the_chosen_workload() -> None:
    of_all = {query for query in QUERIES if 'workload=~"$workload"' not in query}
    assert all("headstart_standby_" in query for query in of_all)
    assert len(of_all) == 2


def test_two_controllers_that_show_the_same_are_not_added_up() -> None:
    gauges = [query for query in QUERIES if "rate(" not in query]
    assert gauges
    assert not [query for query in gauges if "sum" in query]


def cells_of(place: dict[str, int]) -> set[tuple[int, int]]:
    columns = range(place["x"], place["x"] + place["w"])
    rows = range(place["y"], place["y"] + place["h"])
    return set(itertools.product(columns, rows))
