"""Makes the compacted topic that forecasts are published on, if it is not there yet."""

from __future__ import annotations

import logging

from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient
from kafka.errors import (
    AuthorizationError,
    KafkaError,
    TopicAlreadyExistsError,
)

from kafka_link.client import CALL_TIMEOUT_MS, client_settings, connect
from kafka_link.connection import KafkaConnection

LOGGER = logging.getLogger(__name__)
#: The newest segment is never compacted, and whoever comes up reads from the beginning: small and
#: short segments bound what that costs. Replicas are left to the broker's default.
CONFIGS = {
    "cleanup.policy": "compact",
    "segment.bytes": str(4 * 2**20),
    "segment.ms": "300000",
    "min.cleanable.dirty.ratio": "0.2",
}


def ensure_topic(connection: KafkaConnection, topic: str, *, partitions: int) -> None:
    """Create the topic if it is missing; warn if one that is there forgets instead of compacting.

    Who may not create topics may use one that somebody else made.

    Raises:
        KafkaError: if no broker answers, or it refuses for another reason.
        ValueError: if a file of the connection can't be read.
    """
    settings = client_settings(connection, client_id="headstart-forecast-topic")
    admin = connect(KafkaAdminClient, settings)
    try:
        try:
            wanted = {"num_partitions": partitions, "replication_factor": -1, "configs": CONFIGS}
            admin.create_topics({topic: wanted}, timeout_ms=5 * CALL_TIMEOUT_MS)
            LOGGER.info("kafka: topic %r made, with %d partitions", topic, partitions)
        except (TopicAlreadyExistsError, AuthorizationError):
            _check_policy(admin, topic)
    finally:
        admin.close()


def _check_policy(admin: KafkaAdminClient, topic: str) -> None:
    resource = ConfigResource(ConfigResourceType.TOPIC, topic, configs=["cleanup.policy"])
    try:
        found = admin.describe_configs([resource], config_filter="all")
        policy = str(found["topic"][topic]["cleanup.policy"]["value"])
    except (KafkaError, KeyError):
        return  # not ours to see
    if "compact" not in policy:
        LOGGER.warning(
            "kafka: topic %r has cleanup.policy=%s, must be compact: forecasts will be lost",
            topic,
            policy,
        )
