"""A Kafka broker of our own: one KRaft node without ZooKeeper, on free ports of 127.0.0.1."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.parts.errors import RealPartError
from tests.parts.fetch import HERE, kafka_jars
from tests.parts.ports import free_port
from tests.parts.process import ServerProcess

CLUSTER_ID = "aGVhZHN0YXJ0LXRlc3RzLg"  # 16 bytes, url-safe base64: any will do.

# Two lines matter most. Retention goes by the record's own time, so that events of a replayed
# trace would be deleted half a minute after the start. And a broker that was killed is refused
# by its own controller until the session of its former self has run out (9 s by default).
PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={folder}/data
auto.create.topics.enable=false
num.partitions=1
default.replication.factor=1
min.insync.replicas=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
group.initial.rebalance.delay.ms=0
log.segment.bytes=16777216
log.index.size.max.bytes=1048576
log.retention.ms=-1
log.cleaner.dedupe.buffer.size=16777216
num.network.threads=2
num.io.threads=2
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
"""


class KafkaBroker(ServerProcess):
    """One broker; ``address`` is what clients take as ``bootstrap_servers``."""

    name = "Kafka"

    def __init__(self, *, jars: Path | None = None) -> None:
        """Lay down an empty, formatted broker.

        Raises:
            RealPartError: if its jars can't be had, or it can't be formatted.
        """
        jars = jars or kafka_jars()
        super().__init__()
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self._java = ["java", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
        self._java += [f"-Dlog4j2.configurationFile={HERE / 'log4j2.xml'}", "-cp", f"{jars}/*"]
        self._properties = self.folder / "server.properties"
        self._properties.write_text(self.properties(), encoding="ascii")
        self._is_formatted = False

    def properties(self) -> str:
        """Return the broker's settings."""
        return PROPERTIES.format(port=self.port, controller_port=free_port(), folder=self.folder)

    def command(self) -> list[str]:
        """Run the broker; format its folder before the first time."""
        if not self._is_formatted:
            self._format()
        return [*self._java, "kafka.Kafka", str(self._properties)]

    def answers(self) -> bool:
        """Say whether the port is open; a broker opens it when it is up, not before."""
        with socket.socket() as probe:
            probe.settimeout(1.0)
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def create_topic(
        self, name: str, partitions: int = 1, configs: Mapping[str, str] | None = None
    ) -> None:
        """Create a topic of one replica."""
        # Here, as every test run loads this module, and few runs need the client.
        from kafka.admin import KafkaAdminClient, NewTopic

        topic = NewTopic(
            name=name,
            num_partitions=partitions,
            replication_factor=1,
            topic_configs=dict(configs or {}),
        )
        settings = {"bootstrap_servers": self.address, "bootstrap_timeout_ms": 30_000}
        admin = KafkaAdminClient(**{**settings, **self.admin_settings()})
        try:
            admin.create_topics([topic])
        finally:
            admin.close()

    def admin_settings(self) -> Mapping[str, object]:
        """Return what an administrator's client is told besides the address."""
        return {}

    def format_options(self) -> Sequence[str]:
        """Return what is laid down in the empty broker."""
        return ()

    def _format(self) -> None:
        command = [*self._java, "kafka.tools.StorageTool", "format", "-t", CLUSTER_ID]
        command += self.format_options()
        done = subprocess.run(
            [*command, "-c", str(self._properties)],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if done.returncode != 0:
            raise RealPartError(f"Kafka: could not be formatted\n{done.stdout}{done.stderr}")
        self._is_formatted = True
