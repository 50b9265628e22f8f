from controller.plan_history import PlanHistory
from models.forecast import WorkloadName
from tests.builders import CHAT, a_plan


def test_the_past_is_bounded() -> None:
    history = PlanHistory(plans_per_workload=2)
    for at in (1.0, 2.0, 3.0):
        history.add([a_plan(at=at)])
    assert history.at(CHAT, 1.5) is None
    assert history.at(CHAT, 2.5) == a_plan(at=2.0)


def test_a_mapping_once_read_does_not_change() -> None:
    history = PlanHistory(plans_per_workload=2)
    history.add([a_plan(at=1.0)])
    read = history.newest
    history.add([a_plan(at=2.0)])
    assert read[CHAT].at == 1.0
    assert history.newest[CHAT].at == 2.0


def test_a_workload_without_a_plan_has_left() -> None:
    history = PlanHistory(plans_per_workload=2)
    history.add([a_plan(), a_plan(workload="search")])
    history.add([a_plan()])
    assert WorkloadName("search") not in history.newest
    assert history.at(WorkloadName("search"), 1e9) is None
