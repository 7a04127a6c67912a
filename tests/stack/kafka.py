"""Apache Kafka, one process that is broker and controller (KRaft), and its own command-line tools."""
import base64
import json
import pathlib
import subprocess
import uuid

import fetch
from process import Process, StackError, free_port, listens

PROPERTIES = """
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners={listeners}
advertised.listeners={advertised}
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_SSL:SASL_SSL
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs={folder}/kafka
num.partitions=4
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=2
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=500
auto.create.topics.enable=false
log.retention.check.interval.ms=1000
log.cleaner.backoff.ms=1000
log.segment.delete.delay.ms=1000
file.delete.delay.ms=1000
"""
QUICK_COMPACTION = {"cleanup_policy": "compact", "message_timestamp_type": "LogAppendTime", "segment_ms": 1000, "segment_bytes": 1048576,
                    "min_cleanable_dirty_ratio": 0.01, "max_compaction_lag_ms": 1000, "delete_retention_ms": 0}
NOISE = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"


def java(heap, main, *arguments, fast=False):
    """The command line of a Java program of Kafka's. The first compiler alone, since what lives for minutes starts sooner with it;
    `fast` is for what is measured."""
    jvm = [f"-Xmx{heap}m", "-XX:+UseSerialGC", NOISE, "-Dorg.slf4j.simpleLogger.showDateTime=true"]
    jvm += [] if fast else ["-XX:TieredStopAtLevel=1"]
    return ["java", *jvm, "-cp", f"{fetch.kafka()}/*", main, *[str(a) for a in arguments]]


class Kafka:
    """A broker. `secure` (a security.Security) adds listeners that ask who it is."""

    def __init__(self, folder, keep=False, secure=None, heap=400):
        self.folder = pathlib.Path(folder)
        self.secure = secure
        self.port, self.controller = free_port(), free_port()
        self.ports = {"PLAINTEXT": self.port}
        if secure:
            self.ports.update(SSL=free_port(), SASL_SSL=free_port())
        self.properties = self.folder / "server.properties"
        self.process = Process(folder, "kafka", java(heap, "kafka.Kafka", self.properties), keep=keep)

    @property
    def address(self):
        """bootstrap.servers of the listener that takes everybody."""
        return f"127.0.0.1:{self.port}"

    def create(self):
        """Writes the properties and formats the storage."""
        listeners = [f"{name}://127.0.0.1:{port}" for name, port in {**self.ports, "CONTROLLER": self.controller}.items()]
        # By name where there are certificates, since they are for a name.
        advertised = [f"{name}://{'127.0.0.1' if name == 'PLAINTEXT' else 'localhost'}:{port}" for name, port in self.ports.items()]
        text = PROPERTIES.format(controller=self.controller, folder=self.folder, advertised=",".join(advertised),
                                 listeners=",".join(listeners))
        self.properties.write_text(text + (self.secure.broker_properties() if self.secure else ""), encoding="utf-8")
        cluster = base64.b64encode(uuid.uuid4().bytes, altchars=b"AA").decode().rstrip("=")
        users = self.secure.format_arguments() if self.secure else []
        self.tool("kafka.tools.StorageTool", "format", "-t", cluster, "-c", self.properties, *users)

    def start(self):
        """Starts it and waits until it listens."""
        self.process.start()
        self.process.wait_ready(90, lambda: listens(self.port))

    def kill(self):
        """SIGKILL."""
        self.process.kill()

    def stop(self):
        """A controlled shutdown."""
        self.process.stop()

    def tool(self, main, *arguments):
        """Runs one of Kafka's own tools; returns what it prints."""
        done = subprocess.run(java(96, main, *arguments), capture_output=True, text=True, check=False)
        if done.returncode:
            raise StackError(f"{main}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
        return done.stdout

    def create_topic(self, name, partitions, **settings):
        """Makes a topic; dots in the names of settings are written as underscores."""
        configs = [x for k, v in settings.items() for x in ("--config", f"{k.replace('_', '.')}={v}")]
        self.tool("org.apache.kafka.tools.TopicCommand", "--bootstrap-server", self.address, "--create", "--topic",
                  name, "--partitions", partitions, "--replication-factor", 1, *configs)

    def delete_topic(self, name):
        """Deletes a topic."""
        self.tool("org.apache.kafka.tools.TopicCommand", "--bootstrap-server", self.address, "--delete", "--topic", name)

    def delete_records(self, topic, before):
        """Drops the records of a topic's partitions below `before`, a list of offsets, as retention would."""
        path = self.folder / "delete-records.json"
        partitions = [{"topic": topic, "partition": p, "offset": o} for p, o in enumerate(before)]
        path.write_text(json.dumps({"partitions": partitions, "version": 1}), encoding="utf-8")
        self.tool("org.apache.kafka.tools.DeleteRecordsCommand", "--bootstrap-server", self.address, "--offset-json-file", path)

    def add_partitions(self, name, partitions):
        """Gives a topic more partitions."""
        self.tool("org.apache.kafka.tools.TopicCommand", "--bootstrap-server", self.address, "--alter", "--topic", name,
                  "--partitions", partitions)

    def topics(self):
        """The names of all topics."""
        return self.tool("org.apache.kafka.tools.TopicCommand", "--bootstrap-server", self.address, "--list").split()

    def group_offsets(self, group):
        """Committed offsets of a consumer group: {(topic, partition): offset}."""
        text = self.tool("org.apache.kafka.tools.consumer.group.ConsumerGroupCommand", "--bootstrap-server",
                         self.address, "--describe", "--group", group, "--offsets")
        fields = (line.split() for line in text.splitlines())
        return {(f[1], int(f[2])): int(f[3]) for f in fields if len(f) > 4 and f[0] == group and f[3].isdigit()}
