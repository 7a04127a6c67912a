"""Recordings (docs/recordings.md) as the tests read them."""
import base64
import gzip
import json
import lzma
import pathlib


def lines_of(path):
    """Its records, as objects."""
    path = pathlib.Path(path)
    reader = {".gz": gzip.open, ".xz": lzma.open}.get(path.suffix, open)
    with reader(path, "rt", encoding="utf-8") as f:
        return [json.loads(line) for line in f]


def schema_ids(records):
    """The ids in keys and values in Confluent's wire format: a zero byte, then four of the id."""
    fields = (base64.b64decode(r[side]) for r in records for side in ("key", "value") if r[side] is not None)
    return {int.from_bytes(b[1:5], "big") for b in fields if len(b) > 5 and b[0] == 0}
