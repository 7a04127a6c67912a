"""A PostgreSQL with logical decoding, and sessions on it over pipes to psql.

The server refuses to run as root, so then it runs as the user postgres. fsync stays on: a kill must find the
same disk as in life.
"""
import glob
import os
import pathlib
import queue
import shutil
import subprocess
import threading

from process import Process, StackError, free_port

SETTINGS = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
wal_level = logical
max_replication_slots = 16
max_wal_senders = 16
max_connections = 80
shared_buffers = 64MB
wal_sender_timeout = 10s
deadlock_timeout = 200ms
log_min_messages = warning
log_min_error_statement = panic
timezone = 'UTC'
"""
ACCESS = "host all all 127.0.0.1/32 trust\nhost replication all 127.0.0.1/32 trust\n"


class Postgres:
    """One server with the database `shop` for the user `weir`."""

    def __init__(self, folder, keep=False):
        self.folder = pathlib.Path(folder)
        self.data = self.folder / "postgres"
        self.port = free_port()
        self.programs = _programs()
        self.user = "postgres" if os.geteuid() == 0 else None
        self.process = Process(folder, "postgres.server", [f"{self.programs}/postgres", "-D", str(self.data), "-p", str(self.port)],
                               user=self.user, keep=keep)

    def create(self):
        """Makes the data folder."""
        self.data.mkdir()
        if self.user:
            shutil.chown(self.data, "postgres", "postgres")
        initdb = Process(self.folder, "initdb", [f"{self.programs}/initdb", "-D", str(self.data), "-U", "weir", "-E", "UTF8",
                                                "--locale=C.UTF-8", "--auth=trust"], user=self.user)
        initdb.start()
        if initdb.child.wait(60):
            raise StackError(f"initdb:\n{initdb.tail()}")
        initdb.kill()
        with open(self.data / "postgresql.conf", "a", encoding="utf-8") as f:
            f.write(SETTINGS)
        (self.data / "pg_hba.conf").write_text(ACCESS, encoding="utf-8")

    def start(self):
        """Starts it and waits until it takes statements."""
        self.process.start()
        self.process.wait_ready(60, lambda: self.try_query("select 1", "postgres").returncode == 0)

    def create_database(self):
        """The database that everything is in."""
        self.run("create database shop", "postgres")

    def kill(self):
        """SIGKILL for the server and every backend, as when the machine's power goes."""
        self.process.kill()

    def stop(self):
        """A fast shutdown."""
        self.process.stop(how=2)

    def psql(self, database="shop"):
        """The command line of a psql on this server."""
        return ["psql", "-X", "-q", "-A", "-t", "-h", "127.0.0.1", "-p", str(self.port), "-U", "weir", "-d", database]

    def try_query(self, sql, database="shop"):
        """Runs one text of SQL; the completed process tells how it went."""
        return subprocess.run(self.psql(database) + ["-v", "ON_ERROR_STOP=1", "-f", "-"], input=sql, text=True,
                              capture_output=True, check=False)

    def run(self, sql, database="shop"):
        """Runs SQL that must work; returns what psql prints."""
        done = self.try_query(sql, database)
        if done.returncode:
            raise StackError(f"psql: {done.stderr.strip()}\n{sql[:500]}")
        return done.stdout

    def rows(self, table):
        """The table's rows as PostgreSQL's own JSON, sorted by their bytes."""
        text = self.run(f"set timezone to 'UTC'; select row_to_json(t) from {table} t")
        return sorted(text.splitlines())


class Session:
    """A psql that stays: statements go in, the answer up to the next mark comes back.

    Thread: one at a time. A server that dies takes the session along: `run` then raises ConnectionError.
    """

    def __init__(self, server):
        self.child = subprocess.Popen(server.psql(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT, text=True, start_new_session=True)
        self.lines = queue.Queue()
        self.count = 0
        threading.Thread(target=self._read, daemon=True).start()

    def run(self, sql, seconds=30):
        """Runs statements; returns the lines that psql printed, errors among them."""
        self.count += 1
        mark = f"-- end {self.count}"
        try:
            self.child.stdin.write(f"{sql}\n\\echo {mark}\n")
            self.child.stdin.flush()
            return self._answer(mark, seconds)
        except (BrokenPipeError, queue.Empty, EOFError) as e:
            self.close()
            raise ConnectionError("the session is gone") from e

    def close(self):
        """Ends it, whatever it does."""
        self.child.kill()
        self.child.wait()

    def _answer(self, mark, seconds):
        lines = []
        while True:
            line = self.lines.get(timeout=seconds)
            if line is None:
                raise EOFError
            if line == mark:
                if any("connection to server was lost" in x for x in lines):
                    raise EOFError
                return lines
            lines.append(line)

    def _read(self):
        for line in self.child.stdout:
            self.lines.put(line.rstrip("\n"))
        self.lines.put(None)


def _programs():
    """The folder of the newest server's programs: Debian keeps them out of the PATH."""
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"), key=lambda p: float(p.split("/")[4]))
    where = found[-1] if found else shutil.which("initdb")
    if not where:
        raise StackError("PostgreSQL's server is not installed: make stack-deps")
    return os.path.dirname(where)
