"""Records for tests of handlers: written by `weir replay`, counted in the ledger that tests/stack/ledger.c writes."""
import base64
import dataclasses
import json
import pathlib
import subprocess
import time

from process import Process, StackError


def write_recording(path, topic, partitions, count, keys):
    """A recording of `count` records, each key in one partition of its own; returns how many each partition gets."""
    sizes = [0] * partitions
    now = time.time_ns() // 1000000  # what is older than the retention would not stay
    with open(path, "w", encoding="utf-8") as f:
        for i in range(count):
            key = i % keys
            partition = key % partitions
            record = {"topic": topic, "partition": partition, "offset": sizes[partition], "timestamp": now,
                      "key": base64.b64encode(b"k%d" % key).decode(), "value": base64.b64encode(b"%d" % i).decode(), "headers": []}
            f.write(json.dumps(record) + "\n")
            sizes[partition] += 1
    return sizes


def replay(program, path, kafka, rate=None):
    """Writes a recording into Kafka; with a rate it goes on beside the test, and the process is returned."""
    command = [str(pathlib.Path(program).resolve()), "replay", str(path), "--to", kafka.address, "--timeout", "90s"]
    if rate:
        process = Process(pathlib.Path(path).parent, f"replay-{pathlib.Path(path).stem}", command + ["--rate", str(rate)])
        process.start()
        return process
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise StackError(f"weir replay: {done.stderr}")
    return None


@dataclasses.dataclass(frozen=True)
class Handling:
    """One call of the handler; `end` is None when the process was killed in it. Times in microseconds."""
    partition: int
    offset: int
    key: str
    begin: int
    end: int
    pid: int


def read_ledger(path):
    """All handlings in the order in which they began."""
    begun, handlings = {}, []
    for line in pathlib.Path(path).read_text(encoding="utf-8").splitlines():
        what, partition, offset, key, at, pid = line.split()
        place = (int(partition), int(offset), int(pid))
        if what == "b":
            if place in begun:
                handlings.append(_unfinished(place, begun[place]))
            begun[place] = (key, int(at))
        else:
            key, begin = begun.pop(place)
            handlings.append(Handling(place[0], place[1], key, begin, int(at), place[2]))
    handlings += [_unfinished(place, what) for place, what in begun.items()]
    return sorted(handlings, key=lambda h: h.begin)


def _unfinished(place, what):
    return Handling(place[0], place[1], what[0], what[1], None, place[2])


def missing(handlings, sizes):
    """Records whose handler never came to its end."""
    done = {(h.partition, h.offset) for h in handlings if h.end is not None}
    return [(p, o) for p, n in enumerate(sizes) for o in range(n) if (p, o) not in done]


def out_of_order(handlings):
    """A handling that began before an earlier record of its key had once ended, or None."""
    ended = {}
    first = {}
    for h in handlings:
        first.setdefault((h.partition, h.offset), h.begin)
        if h.end is not None:
            place = (h.partition, h.offset)
            ended[place] = min(ended.get(place, h.end), h.end)
    by_key = {}
    for h in handlings:
        by_key.setdefault((h.partition, h.key), set()).add(h.offset)
    for (partition, key), offsets in by_key.items():
        in_order = sorted(offsets)
        for earlier, later in zip(in_order, in_order[1:]):
            if ended.get((partition, earlier), first[(partition, later)] + 1) > first[(partition, later)]:
                return f"{key}: {partition}@{later} began before {partition}@{earlier} had ended"
    return None


def overlapping(handlings):
    """Two handlings of one key at the same time, or None."""
    last = {}
    for h in handlings:
        before = last.get((h.partition, h.key))
        if before and before.end is not None and before.end > h.begin:
            return f"{h.key}: {h.partition}@{before.offset} of {before.pid} and {h.partition}@{h.offset} of {h.pid}"
        last[(h.partition, h.key)] = h
    return None


def again(handlings):
    """Pairs of a handling and the one before it of the same record."""
    seen, pairs = {}, []
    for h in handlings:
        place = (h.partition, h.offset)
        if place in seen:
            pairs.append((seen[place], h))
        seen[place] = h
    return pairs
