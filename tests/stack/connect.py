"""Kafka Connect (standalone) with Debezium's PostgreSQL connector."""
import json
import pathlib
import urllib.error
import urllib.request

import fetch
from kafka import java
from process import Process, StackError, free_port

WORKER = """
bootstrap.servers={kafka}
key.converter=org.apache.kafka.connect.json.JsonConverter
value.converter=org.apache.kafka.connect.json.JsonConverter
key.converter.schemas.enable={schemas}
value.converter.schemas.enable={schemas}
offset.storage.file.filename={folder}/connect.offsets
offset.flush.interval.ms=1000
listeners=http://127.0.0.1:{port}
plugin.path={plugins}
plugin.discovery={discovery}
"""


def connector(postgres, prefix, tables, **more):
    """The settings of a connector for `tables` ("schema.table"); dots in names are written as two underscores."""
    settings = {
        "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
        "plugin.name": "pgoutput",
        "database.hostname": "127.0.0.1",
        "database.port": str(postgres.port),
        "database.user": "weir",
        "database.password": "weir",
        "database.dbname": "shop",
        "topic.prefix": prefix,
        "slot.name": f"weir_{prefix}",
        "publication.name": f"weir_{prefix}",
        "publication.autocreate.mode": "filtered",
        "table.include.list": ",".join(tables),
        "signal.data.collection": "public.debezium_signal",
        "incremental.snapshot.chunk.size": "64",
        "skipped.operations": "none",
        "provide.transaction.metadata": "true",
        "heartbeat.interval.ms": "1000",
        "database.autosave": "conservative",
        "errors.max.retries": "-1",
        "retriable.restart.connector.wait.ms": "500",
        "poll.interval.ms": "50",
        "topic.creation.default.partitions": "2",
        "topic.creation.default.replication.factor": "1",
        "producer.override.delivery.timeout.ms": "2147483647",
    }
    settings.update({k.replace("__", "."): str(v) for k, v in more.items()})
    return settings


class Connect:
    """One worker with one connector, which is known again after a restart: its settings are in a file. What `add` adds is not.

    `plugins` are folders of further jars, which stand beside Debezium's: its CloudEvents converter looks for Apicurio's there."""

    def __init__(self, folder, kafka, name, settings, schemas, keep=False, heap=400, plugins=(), fast=False):
        self.folder = pathlib.Path(folder)
        self.kafka, self.name, self.settings, self.schemas = kafka, name, settings, schemas
        self.plugins = self._beside(plugins) if plugins else fetch.debezium()
        self.discovery = "hybrid_warn" if plugins else "service_load"  # Apicurio's converter does not list itself as a service
        self.port = free_port()
        worker, self.connector_file = self.folder / "connect.properties", self.folder / "connector.json"
        main = "org.apache.kafka.connect.cli.ConnectStandalone"
        self.process = Process(folder, "connect", java(heap, main, worker, self.connector_file, fast=fast), keep=keep)

    def _beside(self, plugins):
        """One plugin of Debezium's jars and those of others, but for what the worker has itself."""
        together = self.folder / "plugins" / "debezium"
        together.mkdir(parents=True)
        for folder in (fetch.debezium(), *plugins):
            for jar in folder.glob("*/*.jar"):
                link = together / jar.name
                if not link.exists() and not jar.name.startswith(("connect-", "kafka-", "jackson-", "slf4j-")):
                    link.symlink_to(jar)
        return together.parent

    @property
    def url(self):
        """The REST interface."""
        return f"http://127.0.0.1:{self.port}"

    def create(self):
        """Writes the worker's and the connector's settings."""
        text = WORKER.format(kafka=self.kafka.address, schemas=str(self.schemas).lower(), folder=self.folder,
                             port=self.port, plugins=self.plugins, discovery=self.discovery)
        (self.folder / "connect.properties").write_text(text + "connector.client.config.override.policy=All\n", encoding="utf-8")
        self.connector_file.write_text(json.dumps({"name": self.name, "config": self.settings}), encoding="utf-8")

    def start(self, wait=True):
        """Starts it; with `wait`, until the connector's task runs."""
        self.process.start()
        if wait:
            self.process.wait_ready(120, lambda: self.state() == "RUNNING")

    def add(self, name, settings):
        """One more connector."""
        request = urllib.request.Request(f"{self.url}/connectors/{name}/config", json.dumps(settings).encode(),
                                         {"Content-Type": "application/json"}, method="PUT")
        try:
            urllib.request.urlopen(request, timeout=30).close()
        except urllib.error.HTTPError as e:
            raise StackError(f"connector {name}: {e.read().decode(errors='replace')}") from None

    def kill(self):
        """SIGKILL."""
        self.process.kill()

    def stop(self):
        """Lets it store its offsets and end."""
        self.process.stop()

    def task(self, name=None):
        """What the worker says of a connector's task: its `state` (RUNNING, FAILED, …), its `trace`. Empty while nobody answers."""
        try:
            with urllib.request.urlopen(f"{self.url}/connectors/{name or self.name}/status", timeout=5) as answer:
                tasks = json.load(answer)["tasks"]
                return tasks[0] if tasks else {}
        except (urllib.error.URLError, OSError, ValueError):
            return {}

    def state(self, name=None):
        """RUNNING, FAILED, …, or None while nobody answers."""
        return self.task(name).get("state")

    def restart_task(self):
        """Starts a task that has failed again."""
        request = urllib.request.Request(f"{self.url}/connectors/{self.name}/tasks/0/restart", method="POST")
        try:
            urllib.request.urlopen(request, timeout=5).close()
        except (urllib.error.URLError, OSError):
            pass

    def snapshot_is_stored(self):
        """Has the end of the initial snapshot reached the offsets on the disk? Before that, a restart begins it anew."""
        offsets = self.folder / "connect.offsets"
        return offsets.exists() and b'"lsn"' in offsets.read_bytes() and b'"snapshot":"' not in offsets.read_bytes()
