import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import pytest

from controller.actions import Action, Cancel, Release, Resize, Start, Unpark
from controller.cluster_view import Fleet, NodeName, Phase, ReplicaName
from controller.errors import ActionRefusedError, ClusterUnavailableError
from controller.loop_settings import LoopSettings, Surroundings
from controller.plan import Plan
from controller.policy import Mode
from controller.reconciler import Reconciler
from controller.tick_report import TickReport
from models.forecast import WorkloadName
from models.outlook import DemandReading, Outlook
from tests.builders import CHAT, a_fleet, a_plan, a_replica, a_start, a_worker, with_parking

NOW = 100.0


class FakeCluster:
    """A cluster that shows one fleet and takes every action, unless told otherwise."""

    def __init__(self, fleet: Fleet | None = None) -> None:
        self.fleet = fleet or a_fleet(seen_at=NOW)
        self.acted: list[Action] = []
        self.is_down = False
        self.refuses: frozenset[str] = frozenset()
        self.breaks_after: int | None = None
        self.names_a_pause = False
        self.after_act: Callable[[], None] = lambda: None
        self.is_frozen = False

    async def observe(self) -> Fleet:
        if self.is_frozen:
            await asyncio.Event().wait()
        if self.is_down:
            raise self._error("connection refused")
        return self.fleet

    async def act(self, action: Action) -> None:
        if self.breaks_after is not None and len(self.acted) >= self.breaks_after:
            raise self._error("connection reset")
        name = action.workload if isinstance(action, Resize) else action.name
        if name in self.refuses:
            raise ActionRefusedError(f"{name}: the node was taken")
        self.acted.append(action)
        self.after_act()

    def _error(self, what: str) -> ClusterUnavailableError:
        error = ClusterUnavailableError(what)
        error.is_pause_kept = self.names_a_pause
        return error


class FakeOutlooks:
    def __init__(self, *outlooks: Outlook) -> None:
        self._outlooks = {outlook.workload: outlook for outlook in outlooks}

    def latest(self, workload: WorkloadName) -> Outlook | None:
        return self._outlooks.get(workload)


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeResult:
    plans: tuple[Plan, ...] = ()
    actions: tuple[Action, ...] = ()
    state: int = 0
    measured: frozenset[ReplicaName] = frozenset()
    events: tuple[str, ...] = ()


@dataclass
class FakeTick:
    """Decides what it is told to, and counts in its state how often it was asked."""

    actions: tuple[Action, ...] = ()
    plans: tuple[Plan, ...] = ()
    outlooks: list[Mapping[WorkloadName, Outlook]] = field(default_factory=list)
    error: Exception | None = None

    def __call__(
        self, fleet: Fleet, outlooks: Mapping[WorkloadName, Outlook], state: int, now: float
    ) -> FakeResult:
        if self.error is not None:
            raise self.error
        self.outlooks.append(outlooks)
        return FakeResult(plans=self.plans, actions=self.actions, state=state + 1)


class Clock:
    """Shows what it is set to; waiting moves it, and after ``turns`` waits ends the loop."""

    def __init__(self, turns: int = 0) -> None:
        self.now = NOW
        self.waits: list[float] = []
        self._turns = turns

    def __call__(self) -> float:
        return self.now

    async def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds
        if len(self.waits) >= self._turns:
            raise asyncio.CancelledError


def a_reconciler(
    cluster: FakeCluster,
    tick: FakeTick,
    *,
    clock: Clock | None = None,
    mode: Mode = Mode.ACT,
    outlooks: FakeOutlooks | None = None,
    settings: LoopSettings | None = None,
) -> Reconciler[int]:
    clock = clock or Clock()
    surroundings = Surroundings(
        cluster=cluster,
        outlooks=outlooks or FakeOutlooks(),
        clock=clock,
        luck=lambda: 0.0,
        wait=clock.wait,
    )
    return Reconciler(surroundings, tick, 0, {CHAT: mode}, settings)


def an_outlook() -> Outlook:
    return Outlook(workload=CHAT, published_at=NOW, reading=None, forecast=None)


async def test_actions_on_workers_are_carried_out_for_who_may_act_alone() -> None:
    unpark = Unpark(
        name=ReplicaName("w"), workload=CHAT, node=NodeName("node-00"), reason="not needed any more"
    )
    cluster = FakeCluster(with_parking(a_fleet(seen_at=NOW), a_worker("w")))
    report = await a_reconciler(cluster, FakeTick((unpark,))).turn()
    assert report.acted == (unpark,)
    report = await a_reconciler(cluster, FakeTick((unpark,)), mode=Mode.RECOMMEND).turn()
    assert (report.acted, report.held_back) == ((), 1)


async def test_what_the_tick_decides_is_done_in_its_order() -> None:
    cluster = FakeCluster(a_fleet(a_replica("old"), seen_at=NOW))
    release = Release(name=ReplicaName("old"), drain_seconds=0.0, reason="target 1")
    report = await a_reconciler(cluster, FakeTick((release, a_start()))).turn()
    assert cluster.acted == [release, a_start()]
    assert report.acted == (release, a_start())


async def test_the_tick_gets_the_newest_outlooks_and_its_last_state() -> None:
    tick = FakeTick()
    reconciler = a_reconciler(FakeCluster(), tick, outlooks=FakeOutlooks(an_outlook()))
    for _ in range(3):
        await reconciler.turn()
    assert tick.outlooks[-1] == {CHAT: an_outlook()}
    assert reconciler.state == 3


@pytest.mark.parametrize("mode", [Mode.OBSERVE, Mode.RECOMMEND])
async def test_only_the_mode_act_acts(mode: Mode) -> None:
    cluster = FakeCluster(a_fleet(a_replica("old", phase=Phase.RESTORING), seen_at=NOW))
    cancel = Cancel(name=ReplicaName("old"), reason="hung")
    tick = FakeTick((cancel, a_start()), plans=(a_plan(),))
    reconciler = a_reconciler(cluster, tick, mode=mode)
    report = await reconciler.turn()
    assert cluster.acted == []
    assert report.held_back == 2
    assert reconciler.plans == {CHAT: a_plan()}


async def test_replicas_of_workloads_without_a_policy_are_left_alone() -> None:
    cluster = FakeCluster(a_fleet(a_replica("x", workload="stranger"), seen_at=NOW))
    release = Release(name=ReplicaName("x"), drain_seconds=0.0, reason="target 0")
    await a_reconciler(cluster, FakeTick((release,))).turn()
    assert cluster.acted == []


async def test_nothing_is_planned_on_a_stale_view() -> None:
    cluster = FakeCluster(a_fleet(seen_at=NOW - 31.0))
    tick = FakeTick((a_start(),))
    report = await a_reconciler(cluster, tick).turn()
    assert (cluster.acted, tick.outlooks) == ([], [])
    assert report.trouble == "the view of the cluster is 31 s old: nothing is done upon it"
    assert report.is_cluster_up


async def test_a_view_that_grows_too_old_while_acting_ends_the_acting() -> None:
    cluster, clock = FakeCluster(), Clock()

    def take_long() -> None:
        clock.now += 20.0

    cluster.after_act = take_long
    actions = tuple(a_start(f"chat-{number}") for number in range(4))
    report = await a_reconciler(cluster, FakeTick(actions), clock=clock).turn()
    assert report.acted == actions[:2]
    assert report.held_back == 2
    assert "too old" in report.trouble


async def test_a_refused_action_is_counted_and_the_others_go_on() -> None:
    cluster = FakeCluster()
    cluster.refuses = frozenset({"chat-1"})
    report = await a_reconciler(cluster, FakeTick((a_start("chat-1"), a_start("chat-2")))).turn()
    assert [(one.action, one.why) for one in report.refused] == [
        (a_start("chat-1"), "chat-1: the node was taken")
    ]
    assert report.acted == (a_start("chat-2"),)
    assert report.trouble == ""


async def test_a_cluster_that_goes_away_while_acting_keeps_the_rest_back() -> None:
    cluster = FakeCluster()
    cluster.breaks_after = 1
    actions = tuple(a_start(f"chat-{number}") for number in range(3))
    report = await a_reconciler(cluster, FakeTick(actions)).turn()
    assert (report.acted, report.held_back) == (actions[:1], 2)
    assert report.trouble == "cluster: connection reset"
    assert not report.is_cluster_up


async def test_without_the_cluster_the_last_plans_and_state_stay() -> None:
    cluster = FakeCluster()
    reconciler = a_reconciler(cluster, FakeTick(plans=(a_plan(),)))
    await reconciler.turn()
    cluster.is_down = True
    report = await reconciler.turn()
    assert report.trouble == "cluster: connection refused"
    assert (report.fleet, report.is_cluster_up) == (None, False)
    assert reconciler.plans == {CHAT: a_plan()}
    assert reconciler.fleet == cluster.fleet
    assert reconciler.state == 1


async def test_a_cluster_that_never_answers_is_given_up() -> None:
    cluster = FakeCluster()
    cluster.is_frozen = True
    settings = LoopSettings(call_timeout_seconds=0.0)
    report = await a_reconciler(cluster, FakeTick(), settings=settings).turn()
    assert report.trouble == "cluster: no answer to observe within 0 s"


async def test_a_tick_that_fails_does_not_end_the_loop() -> None:
    tick = FakeTick(error=ZeroDivisionError("float division by zero"))
    reconciler = a_reconciler(FakeCluster(), tick)
    report = await reconciler.turn()
    assert report.trouble == "ZeroDivisionError: float division by zero"
    tick.error = None
    assert (await reconciler.turn()).trouble == ""


async def test_the_loop_backs_off_further_and_further_and_then_turns_once_a_tick() -> None:
    cluster, clock = FakeCluster(), Clock(turns=6)
    cluster.is_down = True
    reconciler = a_reconciler(cluster, FakeTick(), clock=clock)

    def mend(report: TickReport) -> None:
        cluster.is_down = len(clock.waits) < 3
        cluster.fleet = a_fleet(seen_at=clock.now + 10.0)

    reconciler.subscribe(mend)
    with pytest.raises(asyncio.CancelledError):
        await reconciler.run_forever()
    assert clock.waits == [1.0, 2.0, 4.0, 8.0, 5.0, 5.0]


@pytest.mark.parametrize("is_busy_at", ["observe", "act"])
async def test_a_cluster_that_names_its_pause_is_not_left_alone_for_longer(is_busy_at: str) -> None:
    cluster, clock = FakeCluster(), Clock(turns=5)
    cluster.names_a_pause = True
    cluster.is_down = is_busy_at == "observe"
    cluster.breaks_after = 0
    with pytest.raises(asyncio.CancelledError):
        await a_reconciler(cluster, FakeTick((a_start(),)), clock=clock).run_forever()
    assert clock.waits == [1.0] * 5


async def test_a_cluster_that_takes_some_actions_is_not_left_alone_for_longer_and_longer() -> None:
    cluster, clock = FakeCluster(), Clock(turns=5)
    cluster.breaks_after = 1
    actions = (a_start("chat-1"), a_start("chat-2"))
    reconciler = a_reconciler(cluster, FakeTick(actions), clock=clock)

    def take_one_more_after_three_failures(_: TickReport) -> None:
        if len(clock.waits) == 3:
            cluster.breaks_after = len(cluster.acted) + 1

    reconciler.subscribe(take_one_more_after_three_failures)
    with pytest.raises(asyncio.CancelledError):
        await reconciler.run_forever()
    assert clock.waits == [1.0, 2.0, 4.0, 8.0, 1.0]


async def test_the_time_a_turn_takes_is_part_of_its_tick() -> None:
    cluster, clock = FakeCluster(), Clock(turns=1)

    def take_two_seconds() -> None:
        clock.now += 2.0

    cluster.after_act = take_two_seconds
    with pytest.raises(asyncio.CancelledError):
        await a_reconciler(cluster, FakeTick((a_start(),)), clock=clock).run_forever()
    assert clock.waits == [3.0]


def test_the_backoff_is_bounded_and_spread_by_luck() -> None:
    settings = LoopSettings(first_backoff_seconds=1.0, longest_backoff_seconds=60.0)
    assert settings.backoff_seconds(1000, luck=0.0) == 60.0
    assert settings.backoff_seconds(1, luck=0.5) == 0.75


async def test_every_subscriber_has_every_report_until_it_leaves() -> None:
    reconciler = a_reconciler(FakeCluster(), FakeTick())
    first: list[TickReport] = []
    second: list[TickReport] = []
    leave = reconciler.subscribe(first.append)
    reconciler.subscribe(second.append)
    await reconciler.turn()
    leave()
    await reconciler.turn()
    assert (len(first), len(second)) == (1, 2)


async def test_a_subscriber_that_fails_does_not_keep_the_others_from_their_report() -> None:
    reconciler = a_reconciler(FakeCluster(), FakeTick())
    received: list[TickReport] = []

    def fail(_report: TickReport) -> None:
        raise OSError("the terminal has gone")

    reconciler.subscribe(fail)
    reconciler.subscribe(received.append)
    await reconciler.turn()
    assert len(received) == 1


async def test_other_policies_hold_from_the_next_turn_and_what_was_learned_stays() -> None:
    cluster = FakeCluster()
    reconciler = a_reconciler(cluster, FakeTick((a_start(),)), mode=Mode.OBSERVE)
    await reconciler.turn()
    reconciler.change_policies(FakeTick((a_start(),)), {CHAT: Mode.ACT})
    await reconciler.turn()
    assert cluster.acted == [a_start()]
    assert reconciler.state == 2


async def test_an_earlier_plan_can_be_asked_for() -> None:
    clock, tick = Clock(), FakeTick()
    cluster = FakeCluster(a_fleet(seen_at=1000.0))
    reconciler = a_reconciler(cluster, tick, clock=clock)
    for at in (100.0, 105.0, 110.0):
        tick.plans = (a_plan(at=at),)
        await reconciler.turn()
    assert reconciler.plan_at(CHAT, 109.0) == a_plan(at=105.0)
    assert reconciler.plan_at(CHAT, 99.0) is None


class SlowCluster(FakeCluster):
    """Needs a moment for each action, and notes which are under way together."""

    def __init__(self) -> None:
        super().__init__()
        self.under_way: list[Action] = []
        self.together: list[frozenset[str]] = []

    async def act(self, action: Action) -> None:
        self.under_way.append(action)
        nodes = [one.node for one in self.under_way if isinstance(one, Start)]
        assert len(nodes) == len(set(nodes)), "two starts at once on one node"
        self.together.append(frozenset(nodes))
        await asyncio.sleep(0)
        await super().act(action)
        self.under_way.remove(action)


async def test_starts_on_different_nodes_are_under_way_together_and_told_in_their_order() -> None:
    cluster = SlowCluster()
    starts = tuple(
        replace(a_start(f"chat-{number}"), node=NodeName(f"node-{number % 5}"))
        for number in range(20)
    )
    settings = LoopSettings(actions_at_once=3)
    report = await a_reconciler(cluster, FakeTick(starts), settings=settings).turn()
    assert report.acted == starts
    assert max(len(nodes) for nodes in cluster.together) == 3


async def test_a_bug_met_at_one_action_is_said_and_neither_stops_others_nor_the_loop() -> None:
    class Broken(SlowCluster):
        async def act(self, action: Action) -> None:
            if isinstance(action, Start) and action.node == "node-0":
                raise KeyError("spec")
            await super().act(action)

    cluster = Broken()
    starts = tuple(
        replace(a_start(f"chat-{number}"), node=NodeName(f"node-{number}")) for number in range(3)
    )
    loop = a_reconciler(cluster, FakeTick(starts), settings=LoopSettings(actions_at_once=1))
    report = await loop.turn()
    [refused] = report.refused
    assert (refused.action, refused.why) == (starts[0], "KeyError: 'spec'")
    assert refused.is_lasting
    assert report.acted == starts[1:]
    assert (report.trouble, report.is_cluster_up, loop.is_in_trouble) == ("", True, False)
    assert cluster.under_way == []


async def test_a_predictor_whose_clock_is_ahead_is_not_believed_and_that_is_said() -> None:
    ahead = Outlook(
        workload=CHAT,
        published_at=NOW + 3600.0,
        reading=DemandReading(measured_at=NOW + 3600.0, window_seconds=10.0, per_second=5.0),
        forecast=None,
    )
    tick = FakeTick()
    report = await a_reconciler(FakeCluster(), tick, outlooks=FakeOutlooks(ahead)).turn()
    [seen] = tick.outlooks
    assert seen[CHAT].reading is None
    assert report.outlooks[CHAT].degraded == (
        "clock: the predictor's is 3600 s ahead; what it says of then is not used",
    )
