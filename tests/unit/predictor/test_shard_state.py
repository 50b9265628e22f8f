"""What a member holds: until it is revoked, as long as the broker confirms it, never longer."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

from models.forecast_record import Fence, ForecastRecord, encode_record
from models.outlook import Outlook
from predictor.adapters.shard_state import LEASE_SECONDS, LOST_SECONDS, ShardState
from tests.unit.predictor.builders import CHAT

FENCE = Fence(group="predictors", era=1, generation=5)


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def a_member(clock: Clock, *partitions: int) -> ShardState:
    """Return a confirmed member that holds these, of four."""
    state = ShardState("predictors", monotonic=clock)
    for partition in state.follow(frozenset(partitions), partitions=4):
        state.begin(partition, generation=5, end=0)
        state.take_over(partition)
    state.confirm(asked_at=clock.now)
    return state


def test_a_partition_is_held_once_it_was_read() -> None:
    state = ShardState("predictors", monotonic=Clock())
    assert state.follow(frozenset({0, 2}), partitions=4) == [0, 2]
    state.begin(0, generation=5, end=3)
    assert state.unread() == [(0, 3)]
    assert not state.holding().taken
    before = Fence(group="predictors", era=1, generation=4)
    outlook = Outlook(workload=CHAT, published_at=100.0, reading=None, forecast=None)
    key, value, headers = encode_record(
        ForecastRecord(workload=CHAT, fence=before, outlook=outlook)
    )
    state.take(0, [SimpleNamespace(key=key, value=value, headers=headers)])
    state.take(1, [SimpleNamespace()])  # not asked for
    state.take_over(0)
    state.take_over(1)
    taken = state.holding().taken
    assert {partition: one.fence for partition, one in taken.items()} == {0: FENCE}
    assert list(taken[0].outlooks) == [CHAT]
    assert state.follow(frozenset({0, 2}), partitions=4) == [2]


def test_the_right_to_publish_ends_with_the_lease_and_comes_back_with_a_word() -> None:
    clock = Clock()
    state = a_member(clock, 0)
    clock.now += LEASE_SECONDS - 0.1
    assert state.may_publish(0, FENCE)
    clock.now += 0.2
    assert not state.may_publish(0, FENCE)
    assert state.holding().problem == "no word from the group"
    assert state.holding().taken  # nobody else has it, as far as we know
    state.confirm(asked_at=clock.now)
    assert state.may_publish(0, FENCE)
    assert state.holding().problem is None


def test_another_right_than_the_newest_is_none() -> None:
    state = a_member(Clock(), 0)
    assert not state.may_publish(0, replace(FENCE, generation=4))
    assert not state.may_publish(1, FENCE)


def test_a_revoked_partition_is_published_no_more_at_once() -> None:
    state = a_member(Clock(), 0, 2)
    state.drop({0})
    assert not state.may_publish(0, FENCE)
    assert state.may_publish(2, FENCE)


def test_what_is_revoked_while_it_is_read_is_not_taken_over() -> None:
    state = ShardState("predictors", monotonic=Clock())
    state.follow(frozenset({0}), partitions=4)
    state.begin(0, generation=5, end=0)
    state.drop({0})
    state.take_over(0)
    assert not state.holding().taken


def test_what_is_assigned_no_more_is_let_go() -> None:
    state = a_member(Clock(), 0, 2)
    state.follow(frozenset({2}), partitions=4)
    holding = state.holding()
    assert (holding.assigned, list(holding.taken)) == (frozenset({2}), [2])


def test_a_member_that_was_lost_keeps_its_workloads_in_mind_a_while() -> None:
    clock = Clock()
    state = a_member(clock, 0)
    state.lose()
    assert (state.is_lost, state.holding().assigned) == (True, frozenset({0}))
    assert not state.may_publish(0, FENCE)
    clock.now += LOST_SECONDS
    assert not state.is_lost


def test_a_member_that_was_lost_is_back_with_a_new_assignment() -> None:
    state = a_member(Clock(), 0)
    state.lose()
    state.regain()
    assert not state.is_lost
    assert state.follow(frozenset({0}), partitions=4) == [0]


def test_what_is_wrong_is_said_when_the_lease_has_ended() -> None:
    clock = Clock()
    state = a_member(clock, 0)
    state.complain("the broker does not answer")
    assert state.holding().problem is None
    clock.now += LEASE_SECONDS
    assert state.holding().problem == "the broker does not answer"
