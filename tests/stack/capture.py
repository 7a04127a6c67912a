"""What a recording is made of: records, the rows in the end, and a config under which `weir sync --from` makes the one of the other."""
import json
import lzma
import pathlib
import random
import shutil
import subprocess
import time

import fetch
import wire
import workload
from connect import connector
from exceptions import differences, read_exceptions
from process import StackError, wait_until
from registry import Registry
from sources import Sources
from stack import Stack
from weir import Weir

HERE = pathlib.Path(__file__).resolve().parent
CONFIG = """weir: 1
name: {name}
kafka: {{ bootstrap.servers: "${{BROKERS:-127.0.0.1:9092}}" }}
sources:
{sources}stores:
  local: {{ type: lmdb, path: "${{STORE}}", map_size: 256MiB }}
caches:
{caches}"""


def pack(path):
    """A recording as .xz; returns how many records it has."""
    text = path.read_bytes()
    with lzma.open(path.with_name(path.name + ".xz"), "wb") as f:
        f.write(text)
    path.unlink()
    return text.count(b"\n")


def write_rows(folder, rows):
    """The final rows: FOLDER/SCHEMA.TABLE.json, one a line."""
    folder.mkdir(parents=True, exist_ok=True)
    for table, lines in rows.items():
        (folder / f"{table}.json").write_text("".join(f"{x}\n" for x in lines), encoding="utf-8")


def rows_of(program, recording, config, caches, scratch):
    """{cache: rows} after a sync of the recording."""
    env = {"STORE": str(scratch), "PATH": "/usr/bin:/bin"}

    def run(*arguments):
        done = subprocess.run([program, *arguments], capture_output=True, text=True, env=env, check=False)
        if done.returncode:
            raise StackError(f"weir {' '.join(map(str, arguments))}: {done.stderr}")
        return done.stdout
    run("sync", "--from", str(recording), str(config))
    return {cache: sorted(run("dump", cache, "-c", str(config)).splitlines()) for cache in caches}


class Types:
    """types/: every encoding over every type."""

    def __init__(self, program, folder):
        self.program, self.folder = program, folder / "types"
        self.folder.mkdir(parents=True)

    def capture(self, tally):
        """Records each encoding, and syncs it again from its recording."""
        world = Sources(self.program)
        world.start()
        world.change()
        rows = {t: world.postgres.rows(t) for t in wire.TABLES}
        types = wire.catalog_types(world.postgres)
        types["public.users"]["tags"] = "text[]"  # it has gone
        write_rows(self.folder / "final", rows)
        for name in ("types.sql", "types-changes.sql"):
            shutil.copy(HERE / name, self.folder / name)
        wait_until("every connector to send the end", 60, lambda: self._arrived(world), pause=1)
        for encoding in world.encodings:
            self._one(world, encoding, rows, types, tally)
        (self.folder / "avro-schemas-by-id.json").write_text(json.dumps(world.registry.schemas(), indent=1) + "\n", encoding="utf-8")
        world.stack.end()

    def _arrived(self, world):
        world.must_live()
        return all('"end"' in world.weir.dump(wire.cache_of(e, "public.marker"))[0] for e in world.cached())

    def _one(self, world, encoding, rows, types, tally):
        path = world.record(encoding.name, self.folder / f"{encoding.name}.jsonl")
        count = pack(path)
        if not encoding.cached or encoding in wire.of_registry(world.registry):  # its registry goes with the stack
            tally.check(f"types/{encoding.name}: {count} records", None if count else "it is empty")
            return
        config = self.folder / f"{encoding.name}.yaml"
        config.write_text(f"# {encoding.what}.\n" + CONFIG.format(
            name=f"types-{encoding.name}", sources=wire.source_yaml(encoding, types), caches=wire.caches_yaml(encoding)), encoding="utf-8")
        synced = rows_of(self.program, path.with_name(path.name + ".xz"), config, [wire.cache_of(encoding, t) for t in encoding.tables],
                         world.folder / f"from-{encoding.name}")
        found = {(encoding.name, t, key, column): text for t in encoding.tables
                 for key, column, text in differences(t, rows[t], synced[wire.cache_of(encoding, t)])}
        expected = {place: text for place, (_, text) in read_exceptions().items() if place[0] == encoding.name}
        tally.check(f"types/{encoding.name}: {count} records end in the source's rows", str(found) if found != expected else None)


class Storm:
    """bank/ and storm/: a random concurrent workload; in a storm Connect is killed, and snapshots are signalled. The bank is
    recorded in Avro, too."""

    def __init__(self, program, folder, kind, name, seed, seconds):
        self.program, self.folder, self.kind, self.name = program, folder / kind, kind, name
        self.seed, self.seconds, self.rng = seed, seconds, random.Random(seed)
        self.folder.mkdir(parents=True, exist_ok=True)

    def capture(self, tally):
        """Records it, and syncs it again from its recording."""
        stack = Stack()
        stack.start((HERE / "workload.sql").read_text(encoding="utf-8"))
        tables = [f"public.{t}" for t in workload.TABLES]
        registry = self._start_connect(stack, tables)
        self._work(stack)
        token = f"end of {self.seed}"
        stack.postgres.run(f"update marker set token = '{token}'")
        config = self._write_config()
        reader = Weir(self.program, stack.folder, "reader", config.replace("${STORE}", f"{stack.folder}/none")
                      .replace("${BROKERS:-127.0.0.1:9092}", stack.kafka.address))
        path = self.folder / f"{self.name}.jsonl"
        wait_until("the end to arrive", 120, lambda: self._recorded(reader, stack, "t", path, token), pause=1)
        write_rows(self.folder / "final" / self.name, {t: stack.postgres.rows(t) for t in tables})
        if registry:
            avro = self.folder / "avro.jsonl"
            reader.record(avro, [t for t in stack.kafka.topics() if t.startswith("avro.")])
            tally.check(f"{self.kind}/avro: {pack(avro)} records")
            (self.folder / "avro-schemas-by-id.json").write_text(json.dumps(registry.schemas(), indent=1) + "\n", encoding="utf-8")
        self._check(stack, path, tally)
        stack.end()

    def _start_connect(self, stack, tables):
        bank = self.kind == "bank"
        stack.start_connect("t", tables, False, plugins=[fetch.apicurio_converter()] if bank else (), heap=600)
        wait_until("the initial snapshot", 120, stack.connect.snapshot_is_stored)
        if not bank:
            return None
        registry = Registry(stack.folder)
        registry.start()
        stack.connect.add("avro", {**connector(stack.postgres, "avro", tables), **wire.avro(registry).connect})
        wait_until("the connector in Avro", 60, lambda: stack.postgres.run(
            "select 1 from pg_replication_slots where slot_name = 'weir_avro' and active"))
        return registry

    def _work(self, stack):
        work = workload.Workload(stack.postgres, str(self.seed), stack.folder, alters=False)
        work.start()
        end = time.monotonic() + self.seconds
        while time.monotonic() < end:
            time.sleep(self.rng.random() * 3)
            if self.kind == "storm":
                self._disturb(stack)
        work.stop()

    def _disturb(self, stack):
        if stack.connect.state() == "FAILED":
            stack.connect.restart_task()
        if self.rng.random() < 0.3:
            kind = self.rng.choice(["incremental", "incremental", "blocking"])
            names = ", ".join(f'"public.{t}"' for t in self.rng.sample(workload.SNAPSHOT_TABLES, 2))
            stack.postgres.run(f"insert into debezium_signal values ('{self.rng.random()}', 'execute-snapshot', "
                               f"'{{\"data-collections\": [{names}], \"type\": \"{kind}\"}}')")
        if self.rng.random() < 0.3:
            stack.connect.kill()
            stack.connect.start(wait=False)

    def _recorded(self, reader, stack, prefix, path, token):
        """Records everything; True when the last change of all is in it."""
        reader.record(path, [t for t in stack.kafka.topics() if t.startswith(f"{prefix}.") or t == f"__debezium-heartbeat.{prefix}"])
        sync = self._sync(path, stack.folder / "probe")
        return any(token in row for row in sync["marker"])

    def _sync(self, path, scratch):
        shutil.rmtree(scratch, ignore_errors=True)
        return rows_of(self.program, path, self.folder / f"{self.name}.yaml", workload.TABLES, scratch)

    def _write_config(self):
        types = "".join(f"      public.{t}: {{ {', '.join(f'{c}: {chr(34)}{k}{chr(34)}' for c, k in workload.TYPES[t].items())} }}\n"
                        for t in workload.TABLES)
        sources = f"  t:\n    connector: postgresql\n    full_images: [public.full_rows]\n    types:\n{types}"
        caches = "".join(f"  {t}: {{ from: t.public.{t}, store: local, on_incomplete: serve }}\n" for t in workload.TABLES)
        text = CONFIG.format(name=f"{self.kind}-{self.name}", sources=sources, caches=caches)
        (self.folder / f"{self.name}.yaml").write_text(text, encoding="utf-8")
        return text

    def _check(self, stack, path, tally):
        synced = self._sync(path, stack.folder / "again")
        for table in workload.TABLES:
            rows = stack.postgres.rows(table)
            tally.check(f"{self.kind}/{self.name}: {table}", None if synced[table] == rows else
                        f"{len(set(rows) ^ set(synced[table]))} rows differ from the source's")
        tally.check(f"{self.kind}/{self.name}: {pack(path)} records, seed {self.seed}")
