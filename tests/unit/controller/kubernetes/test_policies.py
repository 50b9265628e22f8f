"""Policy objects become policies; bad ones leave the last good form in force."""

from __future__ import annotations

from collections import deque
from typing import Any

from controller.adapters.kubernetes.exchange import Listing
from controller.adapters.kubernetes.policies import WatchedPolicies, policies_path, status_path
from controller.adapters.kubernetes.policy_book import PolicyBook
from controller.cluster_view import Fleet
from controller.policy import Mode
from controller.policy_file import parse_policies
from controller.tick_report import TickReport
from models.forecast import WorkloadName
from tests.builders import a_replica
from tests.unit.controller.kubernetes.watched import (
    FakeSource,
    a_cache,
    a_policy_object,
    an_event,
)

DRIVERS = ("NvidiaSnapshot", "Scale")
CHAT = WorkloadName("team/chat")


def a_book(**spec: Any) -> PolicyBook:
    return PolicyBook().with_object(a_policy_object(**spec), DRIVERS)


def test_an_object_is_read_like_a_file_and_named_with_its_namespace() -> None:
    [policy] = a_book(limits={"maxReplicas": 7}).in_force
    assert (policy.workload, policy.namespace, policy.mode) == (CHAT, "team", Mode.ACT)
    assert policy.limits.max_replicas == 7


def test_what_the_api_server_keeps_besides_is_its_own_affair() -> None:
    obj = a_policy_object(status={"conditions": []})
    obj["metadata"] |= {"selfLink": "/x", "deletionGracePeriodSeconds": 0, "generateName": "c"}
    obj["spec"]["limits"] = {"maxReplicas": None}
    assert PolicyBook().with_object(obj, DRIVERS).problems == {}


def test_a_bad_form_says_what_the_file_would_and_leaves_the_last_good_one_in_force() -> None:
    good = a_book()
    bad = a_policy_object(version=2, capacity={"demandPerReplica": -1})
    book = good.with_object(bad, DRIVERS)
    assert book.good == good.good
    [line] = book.problems[CHAT]
    assert line.startswith("team/chat: spec.capacity.demandPerReplica: -1 is not allowed: must be")
    assert book.with_object(a_policy_object(version=3), DRIVERS).problems == {}


def test_a_policy_that_is_nested_too_deep_is_refused_in_words() -> None:
    inner: dict[str, Any] = {}
    for _ in range(150):
        inner = {"a": [inner]}
    template = {"spec": {"containers": [{"name": "main"}], "volumes": [inner]}}
    book = a_book(target={"podTemplate": template, "podSnapshotName": "snap"})
    assert book.problems[CHAT] == (
        "team/chat: spec: is nested too deep: must be at most 50 levels",
    )


def test_the_sentences_are_those_of_a_file() -> None:
    text = (
        "apiVersion: headstart.dev/v1alpha1\nkind: PreRestorePolicy\n"
        "metadata: {name: chat}\nspec: {capacity: {demandPerReplica: 2}, mode: Fly, "
        "demand: {prometheus: {query: q}}}\n"
    )
    told = ""
    try:
        parse_policies(text, "f")
    except Exception as error:
        told = str(error).split(": ", 1)[1]
    obj = a_policy_object()
    obj["spec"] = {**obj["spec"], "mode": "Fly"}
    [line] = PolicyBook().with_object(obj, DRIVERS).problems[CHAT]
    assert line == f"team/chat: {told}"
    assert told


def test_a_driver_that_is_not_there_can_t_act_but_may_be_watched() -> None:
    book = a_book(restore={"driver": "Process", "snapshot": "s"})
    assert book.in_force == ()
    assert book.problems[CHAT] == (
        "team/chat: spec.restore.driver: 'Process' can't act here: must be NvidiaSnapshot or "
        "Scale, or spec.mode Observe or Recommend",
    )
    assert a_book(restore={"driver": "Process", "snapshot": "s"}, mode=Mode.OBSERVE).problems == {}


def test_what_a_deleted_policy_started_is_released_and_then_it_is_forgotten() -> None:
    book = a_book(scaleDown={"drainSeconds": 9}).without_object(CHAT)
    [leaving] = book.in_force
    assert (leaving.limits.max_replicas, leaving.limits.min_replicas) == (0, 0)
    assert (leaving.scale_down.hold_seconds, leaving.scale_down.drain_seconds) == (0.0, 9.0)
    assert book.with_replicas_of([CHAT]) is book
    assert book.with_replicas_of([]).in_force == ()


def test_a_deleted_policy_that_never_acted_leaves_nothing() -> None:
    assert a_book(mode=Mode.OBSERVE).without_object(CHAT).in_force == ()


def test_a_deleted_policy_that_comes_back_is_in_force_again() -> None:
    book = a_book().without_object(CHAT).with_object(a_policy_object(version=9), DRIVERS)
    [policy] = book.in_force
    assert policy.limits.max_replicas is None


def test_replicas_whose_policy_went_unseen_are_released_those_of_a_bad_one_are_not() -> None:
    bad = a_policy_object("bad", capacity={"demandPerReplica": 0})
    book = PolicyBook().with_object(bad, DRIVERS)
    book = book.with_replicas_of([WorkloadName("team/bad"), WorkloadName("team/gone")])
    [leaving] = book.in_force
    assert (leaving.workload, leaving.mode) == ("team/gone", Mode.ACT)
    assert leaving.limits.max_replicas == 0


async def test_the_book_follows_the_cache() -> None:
    cache = a_cache(FakeSource())
    watched = WatchedPolicies(cache, DRIVERS)
    books: list[PolicyBook] = []
    watched.subscribe(books.append)
    cache._hear(an_event("ADDED", a_policy_object()))
    cache._hear(an_event("MODIFIED", a_policy_object(version=2, mode=Mode.RECOMMEND)))
    cache._hear(an_event("DELETED", a_policy_object(version=3)))
    assert [tuple(book.modes.values()) for book in books] == [
        (Mode.ACT,),
        (Mode.RECOMMEND,),
        (),
    ]


async def test_before_the_list_is_read_no_replica_counts_as_left_behind() -> None:
    source = FakeSource(listings=deque([Listing(items=(), resource_version="5")]))
    cache = a_cache(source)
    watched = WatchedPolicies(cache, DRIVERS)
    replica = a_replica(workload=WorkloadName("team/gone"))
    fleet = Fleet(seen_at=0.0, nodes=(), replicas=(replica,))
    watched.observe(TickReport(now=0.0, fleet=fleet))
    assert watched.book.in_force == ()
    await cache._list_anew()
    watched.observe(TickReport(now=0.0, fleet=fleet))
    assert len(watched.book.in_force) == 1


def test_paths_name_group_version_and_namespace() -> None:
    base = "/apis/headstart.dev/v1alpha1"
    assert policies_path() == f"{base}/prerestorepolicies"
    assert status_path(CHAT) == f"{base}/namespaces/team/prerestorepolicies/chat/status"
