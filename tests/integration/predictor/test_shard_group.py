"""Members of a real consumer group: what passes from one to the next, and who is heard."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient

from controller.adapters.forecast_topic import ForecastTopic
from kafka_link.connection import KafkaConnection
from models.forecast import WorkloadName
from models.forecast_record import Fence, ForecastRecord
from models.outlook import Outlook
from predictor.adapters.forecast_publisher import ForecastPublisher
from predictor.adapters.kafka_thread import ConsumerThread
from predictor.adapters.shard_member import ShardMember
from predictor.settings import KafkaSettings
from predictor.sharding import partition_of
from tests.parts.kafka import KafkaBroker
from tests.parts.service import until
from tests.unit.predictor.builders import CHAT, a_forecast

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")
PARTITIONS = 4
GROUP = "predictors"


@contextmanager
def a_member(broker: KafkaBroker, topic: str, *, group: str = GROUP) -> Iterator[ShardMember]:
    member = ShardMember(a_connection(broker), topic=topic, group=group, new_partitions=PARTITIONS)
    member.start()
    try:
        yield member
    finally:
        member.stop()


@contextmanager
def a_follower(broker: KafkaBroker, topic: str) -> Iterator[ForecastTopic]:
    follower = ForecastTopic()
    settings = KafkaSettings(connection=a_connection(broker))
    thread = ConsumerThread(settings, topic, follower)
    thread.start()
    try:
        yield follower
    finally:
        thread.stop()


@contextmanager
def a_publisher(
    broker: KafkaBroker, topic: str, may_publish: Callable[[int, Fence], bool] = lambda *_: True
) -> Iterator[ForecastPublisher]:
    publisher = ForecastPublisher(a_connection(broker), topic=topic, may_publish=may_publish)
    try:
        yield publisher
    finally:
        publisher.close()


def a_connection(broker: KafkaBroker) -> KafkaConnection:
    return KafkaConnection(bootstrap_servers=(broker.address,))


def an_outlook(at: float, workload: WorkloadName = CHAT) -> Outlook:
    forecast = a_forecast(*[5.0] * 90, workload=workload)
    return Outlook(workload=workload, published_at=at, reading=None, forecast=forecast)


def say(
    publisher: ForecastPublisher, fence: Fence, at: float | None, workload: WorkloadName = CHAT
) -> None:
    """Publish, and wait until a broker has it."""
    before = publisher.counts().published
    outlook = None if at is None else an_outlook(at, workload)
    record = ForecastRecord(workload=workload, fence=fence, outlook=outlook)
    assert publisher.publish([(partition_of(workload, PARTITIONS), record)]) == 1
    until(lambda: publisher.counts().published > before, "the record at the broker")


def holds(member: ShardMember, count: int) -> bool:
    holding = member.holding()
    return holding.problem is None and len(holding.taken) == len(holding.assigned) == count


def said(follower: ForecastTopic, workload: WorkloadName = CHAT) -> float | None:
    outlook = follower.latest(workload)
    return None if outlook is None else outlook.published_at


def test_a_topic_that_is_missing_is_made_compacted(kafka_broker: KafkaBroker) -> None:
    with a_member(kafka_broker, "made") as member:
        until(lambda: holds(member, PARTITIONS), "all partitions")
    admin = KafkaAdminClient(bootstrap_servers=kafka_broker.address)
    try:
        found = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, "made")])
    finally:
        admin.close()
    configs = {name: one["value"] for name, one in found["topic"]["made"].items()}
    assert configs["cleanup.policy"] == "compact"
    assert int(configs["segment.bytes"]) <= 2**24


def test_a_topic_that_forgets_is_said_to(
    kafka_broker: KafkaBroker, caplog: pytest.LogCaptureFixture
) -> None:
    kafka_broker.create_topic("forgetful", 1)
    with a_member(kafka_broker, "forgetful") as member:
        until(lambda: holds(member, 1), "all partitions")
    assert "topic 'forgetful' has cleanup.policy=delete, must be compact" in caplog.text


def test_the_next_one_has_a_higher_right_and_the_last_words_of_the_one_before(
    kafka_broker: KafkaBroker,
) -> None:
    with ExitStack() as stack:
        first = stack.enter_context(a_member(kafka_broker, "handed"))
        until(lambda: holds(first, PARTITIONS), "all partitions")
        partition = partition_of(CHAT, PARTITIONS)
        fence = first.holding().taken[partition].fence
        publisher = stack.enter_context(a_publisher(kafka_broker, "handed", first.may_publish))
        say(publisher, fence, 100.0)
        second = stack.enter_context(a_member(kafka_broker, "handed"))
        until(lambda: holds(first, 2) and holds(second, 2), "two partitions each")
        assert first.holding().assigned | second.holding().assigned == set(range(PARTITIONS))
        kept = first.holding().taken
        assert all(kept[one].fence == fence for one in kept), "what was kept went on as it was"
        first.stop()
        until(lambda: holds(second, PARTITIONS), "everything at the second")
        taken = second.holding().taken[partition]
        assert fence.yields_to(taken.fence)
        assert taken.outlooks[CHAT].published_at == 100.0
        assert not first.may_publish(partition, fence)


def test_a_publisher_that_has_lost_its_partition_is_not_heard(kafka_broker: KafkaBroker) -> None:
    kafka_broker.create_topic("late", PARTITIONS, {"cleanup.policy": "compact"})
    old, new = (Fence(group=GROUP, era=1, generation=generation) for generation in (1, 2))
    with (
        a_publisher(kafka_broker, "late") as publisher,
        a_follower(kafka_broker, "late") as follower,
    ):
        say(publisher, old, 100.0)
        say(publisher, new, 105.0)
        say(publisher, old, 110.0)
        until(lambda: follower.late == 1, "the late record")
        assert said(follower) == 105.0
        with a_follower(kafka_broker, "late") as another:
            until(lambda: another.is_caught_up, "the log read from its beginning")
            assert (said(another), another.late) == (105.0, 1)


def test_what_it_may_not_say_any_more_is_not_sent(kafka_broker: KafkaBroker) -> None:
    kafka_broker.create_topic("fenced", PARTITIONS, {"cleanup.policy": "compact"})
    fence = Fence(group=GROUP, era=1, generation=1)
    record = ForecastRecord(workload=CHAT, fence=fence, outlook=an_outlook(100.0))
    with a_publisher(kafka_broker, "fenced", lambda *_: False) as publisher:
        assert publisher.publish([(0, record)]) == 1
    partitions = [TopicPartition("fenced", number) for number in range(PARTITIONS)]
    consumer = KafkaConsumer(bootstrap_servers=kafka_broker.address)
    try:
        assert not any(consumer.end_offsets(partitions).values())
    finally:
        consumer.close()


def test_poison_is_skipped_and_a_removed_workload_is_gone(kafka_broker: KafkaBroker) -> None:
    kafka_broker.create_topic("poison", PARTITIONS, {"cleanup.policy": "compact"})
    fence = Fence(group=GROUP, era=1, generation=1)
    code = WorkloadName("code")
    producer = KafkaProducer(bootstrap_servers=kafka_broker.address)
    producer.send("poison", key=b"chat", value=b"{", partition=0)
    producer.close()
    with (
        a_publisher(kafka_broker, "poison") as publisher,
        a_follower(kafka_broker, "poison") as follower,
    ):
        say(publisher, fence, 100.0)
        say(publisher, fence, 100.0, code)
        until(lambda: said(follower) and said(follower, code), "both workloads")
        say(publisher, fence, None, code)
        until(lambda: said(follower, code) is None, "the removal")
        assert (said(follower), follower.poison) == (100.0, 1)
    with a_member(kafka_broker, "poison", group=GROUP) as member:
        until(lambda: holds(member, PARTITIONS), "all partitions")
        words = {name for one in member.holding().taken.values() for name in one.workloads}
        assert words == {CHAT}


def test_a_group_that_is_silenced_publishes_nothing_until_it_is_heard_again(
    start_kafka: Callable[[], KafkaBroker],
) -> None:
    broker = start_kafka()
    with a_member(broker, "frozen") as member:
        until(lambda: holds(member, PARTITIONS), "all partitions")
        takeover = member.holding().taken[0]
        broker.freeze()
        until(lambda: member.holding().problem, "the end of the lease")
        assert not member.may_publish(0, takeover.fence)
        assert member.holding().assigned == set(range(PARTITIONS)), "forecasts go on"
        broker.thaw()
        until(lambda: holds(member, PARTITIONS), "the group's word")
