"""The programs under test: a `weir sync` that is killed and started, and what its caches hold; a service."""
import json
import os
import pathlib
import re
import subprocess
import urllib.error
import urllib.request

from process import Process, StackError, free_port


class Weir:
    """One daemon. `config` is YAML text to which http and log are added."""

    def __init__(self, program, folder, name, config, command=("sync",)):
        self.program, self.folder = str(pathlib.Path(program).resolve()), pathlib.Path(folder)
        self.port = free_port()
        self.config = self.folder / f"{name}.yaml"
        self.config.write_text(f'{config}\nhttp: {{ listen: "127.0.0.1:{self.port}" }}\nlog: {{ format: json }}\n', encoding="utf-8")
        self.process = Process(folder, name, [self.program, *command, str(self.config)])

    def start(self):
        """Starts it; what happens then is the test's to watch."""
        self.process.start()

    def kill(self):
        """SIGKILL."""
        self.process.kill()

    def stop(self):
        """Lets it drain; returns its exit code."""
        return self.process.stop()

    def must_live(self):
        """Raises when it has ended by itself."""
        if not self.process.running():
            code = self.process.child.returncode if self.process.child else None
            raise StackError(f"weir has ended by itself with {code}:\n{self.process.tail()}")

    def status(self):
        """The document of /status, or None while nobody answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/status", timeout=5) as answer:
                return json.load(answer)
        except (urllib.error.URLError, OSError, ValueError):
            return None

    def changes(self, kind):
        """How many changes of a kind its caches have met since it was started, by /metrics."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=5) as answer:
                text = answer.read().decode()
        except (urllib.error.URLError, OSError):
            return 0
        counts = re.findall(rf'^weir_cache_changes_total{{[^}}]*kind="{kind}"[^}}]*}} (\d+)', text, re.M)
        return sum(int(n) for n in counts)

    def caught_up(self):
        """Is every partition read to its end, as far as the daemon knows?"""
        return self.command("lag", "--max", "0", "--quiet", f"http://127.0.0.1:{self.port}").returncode == 0

    def lag(self):
        """How far it is behind, for people."""
        return self.command("lag", f"http://127.0.0.1:{self.port}").stdout

    def dump(self, cache):
        """The rows of a cache, sorted by their bytes."""
        done = self.command("dump", cache, "-c", str(self.config))
        if done.returncode:
            raise StackError(f"weir dump {cache}: {done.stderr}")
        return sorted(done.stdout.splitlines())

    def flagged(self, cache):
        """The keys of rows that the cache says it cannot vouch for, as objects."""
        done = self.command("dump", cache, "--states", "-c", str(self.config))
        if done.returncode:
            raise StackError(f"weir dump {cache} --states: {done.stderr}")
        lines = (json.loads(line) for line in done.stdout.splitlines())
        return [line["key"] for line in lines if line.get("incomplete") or line.get("quarantined")]

    def record(self, path, topics):
        """Writes topics into a recording, as far as they reach now."""
        named = [x for topic in topics for x in ("--topic", topic)]
        done = self.command("record", str(path), "--yes", *named, "-c", str(self.config))
        if done.returncode:
            raise StackError(f"weir record: {done.stderr}")

    def command(self, *arguments):
        """Runs a command of the program."""
        return subprocess.run([self.program, *arguments], capture_output=True, text=True, check=False,
                              env={k: v for k, v in os.environ.items() if k != "TALLY"})


class Service:
    """The service of ledger.c: one instance of a group, with one handler on one topic."""

    def __init__(self, program, folder, kafka, group, instance, topic, ledger, work_ms, more=""):
        self.folder = pathlib.Path(folder)
        config = self.folder / f"{group}-{instance}.yaml"
        config.write_text(f"weir: 1\nname: {group}\ninstance: {instance}\n"
                          f"kafka:\n  bootstrap.servers: {kafka.address}\n  consumer: {{ session.timeout.ms: 6000 }}\n"
                          f"errors: {{ reject: stop }}\nlog: {{ format: json }}\n{more}", encoding="utf-8")
        env = dict(os.environ, LEDGER_FILE=str(ledger), LEDGER_TOPIC=topic, LEDGER_WORK_MS=str(work_ms))
        self.process = Process(folder, f"{group}-{instance}", [str(pathlib.Path(program).resolve()), "--config", str(config)], env=env)

    def start(self):
        """Starts it."""
        self.process.start()

    def kill(self):
        """SIGKILL."""
        self.process.kill()

    def stop(self):
        """Lets it drain; returns its exit code."""
        return self.process.stop(40)

    def must_live(self):
        """Raises when it has ended by itself."""
        if not self.process.running():
            code = self.process.child.returncode if self.process.child else None
            raise StackError(f"the service has ended by itself with {code}:\n{self.process.tail()}")

    def assignments(self):
        """How often it was given partitions, and how many each time."""
        return [int(n) for n in re.findall(r"assigned (\d+) partitions", self.process.tail(1 << 24))]
