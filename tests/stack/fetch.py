"""Downloads what the stack is made of, once, by Maven, into a cache folder that all later runs share.

The folder is $STACK_CACHE, else $XDG_CACHE_HOME/weir-stack, else ~/.cache/weir-stack. Where Maven looks is Maven's own
configuration. A part is downloaded beside its place and moved there when it is whole, so a run that was
cut short leaves nothing half done.
"""
import contextlib
import fcntl
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import tempfile

KAFKA = "4.1.1"
DEBEZIUM = "3.6.3.Final"
APICURIO = "2.6.13.Final"

POM = """<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>weir</groupId><artifactId>stack</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>{}</dependencies>
</project>
"""
DEPENDENCY = "<dependency><groupId>{}</groupId><artifactId>{}</artifactId><version>{}</version></dependency>"


MAVEN_SECONDS = 600
# How Maven says that the network is not there, as opposed to an artifact that is not.
UNREACHABLE = ("UnknownHostException", "Unknown host", "Name or service not known", "Temporary failure in name resolution",
               "ConnectException", "Connection refused", "Connect timed out", "connect timed out", "Network is unreachable",
               "NoRouteToHostException", "SocketTimeoutException", "Read timed out",
               "No plugin found for prefix 'dependency'")  # Maven's own first step: -q leaves out why


class FetchError(Exception):
    """What could not be downloaded; the text says what to do about it."""


class Unreachable(FetchError):
    """No repository answers; the text says how that showed."""


def cache_folder():
    """The folder of all downloads."""
    base = os.environ.get("XDG_CACHE_HOME") or str(pathlib.Path.home() / ".cache")
    return pathlib.Path(os.environ.get("STACK_CACHE") or f"{base}/weir-stack")


def kafka():
    """The folder with the jars of the broker, of Connect and of their tools."""
    names = ["kafka_2.13", "kafka-tools", "connect-runtime", "connect-json"]
    jars = [("org.apache.kafka", name, KAFKA) for name in names] + [("org.slf4j", "slf4j-simple", "1.7.36")]
    return _once(f"kafka-{KAFKA}", lambda folder: _copy_dependencies(folder, jars))


def debezium():
    """A plugin.path with Debezium's PostgreSQL connector."""
    artifact = f"io.debezium:debezium-connector-postgres:{DEBEZIUM}:tar.gz:plugin"
    return _once(f"debezium-{DEBEZIUM}", lambda folder: _copy_and_unpack(folder, artifact))


def apicurio():
    """The folder with the registry's runner jar."""
    artifact = f"io.apicurio:apicurio-registry-app:{APICURIO}:tar.gz:all"
    return _once(f"apicurio-{APICURIO}", lambda folder: _copy_and_unpack(folder, artifact))


def apicurio_converter():
    """A plugin.path with the Avro converter."""
    jars = [("io.apicurio", "apicurio-registry-utils-converter", APICURIO)]
    return _once(f"apicurio-converter-{APICURIO}", lambda folder: _copy_dependencies(folder / "converter", jars))


def everything():
    """All of it; returns the folders."""
    return [part() for part in (kafka, debezium, apicurio, apicurio_converter)]


def _once(name, fill):
    """The folder `name` of the cache; `fill(folder)` makes it when it is not there yet."""
    place = cache_folder() / name
    place.parent.mkdir(parents=True, exist_ok=True)
    with _locked(place.parent / "lock"):
        if not place.is_dir():
            print(f"fetching {name} into {place.parent}", file=sys.stderr, flush=True)
            with tempfile.TemporaryDirectory(dir=place.parent) as scratch:
                whole = pathlib.Path(scratch) / name
                whole.mkdir(mode=0o755)
                fill(whole)
                whole.rename(place)
    return place


@contextlib.contextmanager
def _locked(path):
    with open(path, "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _copy_dependencies(folder, jars):
    with tempfile.TemporaryDirectory() as scratch:
        pom = pathlib.Path(scratch) / "pom.xml"
        pom.write_text(POM.format("".join(DEPENDENCY.format(*jar) for jar in jars)), encoding="utf-8")
        _maven("-f", str(pom), "dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={folder}")


def _copy_and_unpack(folder, artifact):
    with tempfile.TemporaryDirectory() as scratch:
        _maven("dependency:copy", f"-Dartifact={artifact}", f"-DoutputDirectory={scratch}")
        for archive in pathlib.Path(scratch).glob("*.tar.gz"):
            with tarfile.open(archive) as tar:
                tar.extractall(folder)


def _maven(*arguments):
    if not shutil.which("mvn"):
        raise FetchError("mvn is not installed: make stack-deps")
    with tempfile.TemporaryDirectory() as elsewhere:
        try:
            done = subprocess.run(["mvn", "-B", "-q", *arguments], cwd=elsewhere, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True, timeout=MAVEN_SECONDS, check=False)
        except subprocess.TimeoutExpired:
            raise Unreachable(f"mvn did not end within {MAVEN_SECONDS} s") from None
    if done.returncode:
        sign = next((x for x in UNREACHABLE if x in done.stdout), None)
        if sign:
            raise Unreachable(sign)
        raise FetchError(f"mvn {' '.join(arguments)}:\n{done.stdout[-4000:]}")
