"""Processes that are started, killed and never left behind, and the small things around them: ports, waiting.

Each process leads a group of its own and has a pid file, so that `stack down` finds it from another shell. A test's
processes also die with the test itself, however it ends (setpriv --pdeathsig): start them from the main
thread, since the kernel watches the thread that forked.
"""
import os
import pathlib
import pwd
import signal
import socket
import subprocess
import time


class StackError(Exception):
    """A part of the stack did not do what it should; the text has the end of its log."""


def free_port():
    """A TCP port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_until(what, seconds, condition, pause=0.1):
    """Returns the first true value of `condition()`; raises StackError when there is none in time."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise StackError(f"{what}: not within {seconds} s")
        time.sleep(pause)


def listens(port):
    """Does somebody accept connections at this port?"""
    with socket.socket() as s:
        s.settimeout(1)
        return s.connect_ex(("127.0.0.1", port)) == 0


class Process:
    """One program: its log and pid file are FOLDER/NAME.log and FOLDER/NAME.pid."""

    def __init__(self, folder, name, command, user=None, env=None, keep=False):
        self.folder, self.name, self.command, self.env = pathlib.Path(folder), name, command, env
        self.prefix = _prefix(user, keep)
        self.log = self.folder / f"{name}.log"
        self.pid_file = self.folder / f"{name}.pid"
        self.child = None

    def start(self):
        """Starts it; its output is appended to the log."""
        with open(self.log, "ab") as log:
            self.child = subprocess.Popen(self.prefix + self.command, stdin=subprocess.DEVNULL, stdout=log,
                                          stderr=log, env=self.env, cwd=self.folder, start_new_session=True)
        self.pid_file.write_text(f"{self.child.pid} {_birth(self.child.pid)}\n", encoding="utf-8")

    def running(self):
        """Is it there?"""
        return self.child is not None and self.child.poll() is None

    def kill(self):
        """SIGKILL, for it and its descendants; returns when they are gone."""
        if self.child is not None:
            kill_tree(self.child.pid)
            self.child.wait()
        self.pid_file.unlink(missing_ok=True)

    def stop(self, seconds=20, how=signal.SIGTERM):
        """Asks it to end, then kills it. Returns its exit code."""
        if self.running():
            self.child.send_signal(how)
            try:
                self.child.wait(seconds)
            except subprocess.TimeoutExpired:
                pass
        self.kill()
        return self.child.returncode if self.child else None

    def wait_ready(self, seconds, condition):
        """Waits for `condition()`; a process that has ended meanwhile is an error with its last words."""
        def ready():
            if not self.running():
                raise StackError(f"{self.name} has ended:\n{self.tail()}")
            return condition()
        try:
            return wait_until(self.name, seconds, ready)
        except StackError as e:
            raise StackError(f"{e}\n{self.tail()}") from None

    def tail(self, size=3000):
        """The end of its log."""
        return self.log.read_bytes()[-size:].decode(errors="replace") if self.log.exists() else ""


def kill_tree(pid):
    """SIGKILL for a process and all below it, and waits until the kernel has let go of them."""
    family = [pid] + _descendants(pid)
    births = {p: _birth(p) for p in family}
    for p in family:
        try:
            os.kill(p, signal.SIGKILL)
        except ProcessLookupError:
            pass
    end = time.monotonic() + 10
    while time.monotonic() < end and any(births[p] and _birth(p) == births[p] for p in family):
        time.sleep(0.01)


def kill_by_pid_file(path):
    """Kills the process a pid file names, unless the pid belongs to another one by now."""
    pid, _, birth = path.read_text(encoding="utf-8").strip().partition(" ")
    if birth and _birth(int(pid)) == birth:
        kill_tree(int(pid))
    path.unlink()


def alive_by_pid_file(path):
    """Is the process there that a pid file names?"""
    pid, _, birth = path.read_text(encoding="utf-8").strip().partition(" ")
    return bool(birth) and _birth(int(pid)) == birth


def _prefix(user, keep):
    prefix = ["setpriv"]
    if not keep:
        prefix += ["--pdeathsig", "KILL"]
    if user and os.geteuid() == 0:
        account = pwd.getpwnam(user)
        prefix += [f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--init-groups"]
    return prefix + ["--"]


def _stat(pid):
    """The fields of /proc/PID/stat behind the name, or none: state, parent, …"""
    try:
        text = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return []
    return text.rpartition(")")[2].split()


def _birth(pid):
    """When it was started, in ticks since the boot: with the pid this names one process. '' when it is gone."""
    fields = _stat(pid)
    return fields[19] if fields and fields[0] not in "ZX" else ""


def _descendants(pid):
    children = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            fields = _stat(int(entry))
            if fields:
                children.setdefault(int(fields[1]), []).append(int(entry))
    found, queue = [], [pid]
    while queue:
        below = children.get(queue.pop(), [])
        found += below
        queue += below
    return found
