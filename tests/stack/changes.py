"""Changes of one table as Debezium writes them (JSON without schemas), for tests that need no database."""
import base64
import json
import time

TABLE = "shop.public.items"
TYPES = "types: { public.items: { id: integer, name: text } }"


def change(ident, name, position):
    """An update of the row `ident`; a larger position is a newer change."""
    source = {"version": "3.6.3.Final", "connector": "postgresql", "name": "shop", "ts_ms": time.time_ns() // 1000000,
              "snapshot": "false", "db": "shop", "sequence": json.dumps([str(position), str(position + 1)]), "schema": "public",
              "table": "items", "txId": position, "lsn": position + 1}
    return {"before": None, "after": {"id": ident, "name": name}, "source": source, "op": "u", "ts_ms": source["ts_ms"]}


def line(topic, partition, offset, key, value):
    """One record of a recording; key and value are objects, or None."""
    def encoded(x):
        return None if x is None else base64.b64encode(json.dumps(x, separators=(",", ":")).encode()).decode()
    return json.dumps({"topic": topic, "partition": partition, "offset": offset, "timestamp": time.time_ns() // 1000000,
                       "key": encoded(key), "value": encoded(value), "headers": []}) + "\n"


def write_changes(path, topic, rows, count, partitions=1, start=0, pad=0):
    """A recording of `count` changes of `rows` rows; returns the rows that a cache has in the end, as weir dumps them."""
    final, offsets = {}, [0] * partitions
    with open(path, "w", encoding="utf-8") as f:
        for i in range(start, start + count):
            ident = i % rows
            name = f"{i}{'.' * pad}"
            partition = ident % partitions
            f.write(line(topic, partition, offsets[partition], {"id": ident}, change(ident, name, 1000 + 2 * i)))
            offsets[partition] += 1
            final[ident] = json.dumps({"id": ident, "name": name}, separators=(",", ":"))
    return sorted(final.values())
