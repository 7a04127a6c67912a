"""The tables of types.sql under every encoding of wire.py: the stack, its connectors and one `weir sync` of all caches."""
import pathlib

import fetch
import wire
from process import StackError, wait_until
from registry import Registry
from stack import Stack
from weir import Weir

HERE = pathlib.Path(__file__).resolve().parent


class Sources:
    """A stack with a connector for each encoding."""

    def __init__(self, program, encodings=wire.ENCODINGS):
        self.stack = Stack()
        self.postgres, self.folder = self.stack.postgres, self.stack.folder
        self.stack.start((HERE / "types.sql").read_text(encoding="utf-8"))
        self.registry = Registry(self.folder)
        self.registry.start()
        self.encodings = [*encodings, *wire.of_registry(self.registry)]
        types = wire.catalog_types(self.postgres)
        types["public.users"]["phone"] = "text"  # it comes later
        self.weir = Weir(program, self.folder, "sources", self._config(types))

    def cached(self):
        """The encodings that weir keeps caches of."""
        return [e for e in self.encodings if e.cached]

    def must_live(self):
        """Raises when the daemon or a connector has given up."""
        self.weir.must_live()
        for encoding in self.encodings:
            task = self.stack.connect.task(encoding.name)
            if task.get("state") == "FAILED":
                raise StackError(f"connector {encoding.name}: {task.get('trace', '')[:2000]}")

    def start(self):
        """The connectors take their first snapshots, and the daemon reads along."""
        first, *others = self.encodings
        self.stack.start_connect(first.name, (), False, plugins=[fetch.apicurio_converter()], heap=800,
                                 **{k.replace(".", "__"): v for k, v in wire.settings(self.postgres, first).items()})
        self.weir.start()
        for encoding in others:
            self.stack.connect.add(encoding.name, wire.settings(self.postgres, encoding))
        wait_until("every connector to stream", 120, self._streaming, pause=0.5)

    def change(self):
        """What happens while they stream."""
        self.postgres.run((HERE / "types-changes.sql").read_text(encoding="utf-8"))
        self.postgres.run("update marker set token = 'end'")

    def record(self, name, path=None):
        """Records all topics of an encoding; returns the recording's path."""
        path = path or self.folder / f"{name}.jsonl"
        prefixes = ("outbox.event.",) if name == "outboxed" else ()
        topics = [t for t in self.stack.kafka.topics() if t.startswith((f"{name}.", *prefixes)) or t == f"__debezium-heartbeat.{name}"]
        self.weir.record(path, topics)
        return path

    def _streaming(self):
        self.must_live()
        slots = self.postgres.run("select slot_name from pg_replication_slots where active").split()
        return len(slots) == len(self.encodings)

    def _config(self, types):
        cached = self.cached()
        return (f'weir: 1\nname: sources\nkafka: {{ bootstrap.servers: "{self.stack.kafka.address}" }}\n'
                f'registry: {{ url: "{self.registry.confluent}" }}\n'
                f"sources:\n{''.join(wire.source_yaml(e, types) for e in cached)}"
                f"stores:\n  local: {{ type: lmdb, path: {self.folder}/store, map_size: 256MiB }}\n"
                f"caches:\n{''.join(wire.caches_yaml(e) for e in cached)}")
