"""The whole stack in one folder: what is started is taken down again, whatever happens."""
import atexit
import os
import pathlib
import shutil
import signal
import sys
import tempfile

from connect import Connect, connector
from kafka import Kafka
from postgres import Postgres
from process import alive_by_pid_file, kill_by_pid_file
from security import Security


def playground():
    """Where `stack up` keeps its things: one a user, so that `stack down` finds them."""
    return pathlib.Path(tempfile.gettempdir()) / f"weir-stack-{os.getuid()}"


def take_down(folder):
    """Kills whatever the pid files of a folder name and removes the folder."""
    for pid_file in sorted(folder.glob("*.pid")):
        kill_by_pid_file(pid_file)
    shutil.rmtree(folder, ignore_errors=True)


def status(folder):
    """The parts of a stack by name: is each one alive?"""
    return {p.stem: alive_by_pid_file(p) for p in sorted(folder.glob("*.pid"))}


class Stack:
    """PostgreSQL, Kafka and Connect. `keep`: they outlive this program; `secure`: the broker asks who it is, too."""

    def __init__(self, folder=None, keep=False, secure=False):
        self.folder = pathlib.Path(folder or tempfile.mkdtemp(prefix="weir-stack-"))
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o755)  # the server's user must get through
        self.keep = keep
        self.postgres = Postgres(self.folder, keep)
        self.kafka = Kafka(self.folder, keep, Security(self.folder) if secure else None)
        self.connect = None
        if not keep:
            _end_with_us(self.folder)

    def end(self):
        """Ends it before the program does, which may want another."""
        take_down(self.folder)

    def start_kafka(self):
        """The broker alone."""
        self.kafka.create()
        self.kafka.start()

    def start(self, schema):
        """The broker, and the database with the tables of `schema`, SQL text."""
        self.start_kafka()
        self.postgres.create()
        self.postgres.start()
        self.postgres.create_database()
        self.postgres.run(schema)

    def start_connect(self, prefix, tables, schemas, plugins=(), heap=400, fast=False, **settings):
        """Debezium over `tables`."""
        self.connect = Connect(self.folder, self.kafka, prefix, connector(self.postgres, prefix, tables, **settings),
                               schemas, self.keep, heap, plugins, fast)
        self.connect.create()
        self.connect.start()


def _end_with_us(folder):
    """Takes the folder down at the end, also at the end by a signal. KEEP=1 in the environment leaves the files."""
    owner = os.getpid()

    def end():
        if os.getpid() != owner:
            return
        for pid_file in sorted(folder.glob("*.pid")):
            kill_by_pid_file(pid_file)
        if os.environ.get("KEEP"):
            print(f"kept: {folder}", file=sys.stderr)
        else:
            shutil.rmtree(folder, ignore_errors=True)

    atexit.register(end)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(130))
