"""Where an encoding may differ from the source: wire.tsv, and how rows are compared with it."""
import pathlib

from fields import columns

EXCEPTIONS = pathlib.Path(__file__).resolve().parent / "wire.tsv"
KEYS = {"public.line_items": ("order_id", "line_no")}  # of the other tables it is id


def read_exceptions():
    """{(encoding, table, key, column): (exception, the text in the row)}; `-` is a column that is not there."""
    lines = EXCEPTIONS.read_text(encoding="utf-8").splitlines()
    rows = (line.split("\t") for line in lines if line and not line.startswith("#"))
    return {(encoding, table, key, column): (name, text) for names, table, key, column, name, text in rows for encoding in names.split(",")}


def differences(table, source, cache):
    """(key, column, what the cache has) of each place where a cache differs; the column `*` for a whole row."""
    def by_key(rows):
        parsed = [columns(row) for row in rows]
        return {",".join(c[name] for name in KEYS.get(table, ("id",))): c for c in parsed}
    want, have = by_key(source), by_key(cache)
    for key in sorted(set(want) | set(have)):
        if key not in have or key not in want:
            yield key, "*", "-" if key not in have else "+"
            continue
        for column in sorted(set(want[key]) | set(have[key])):
            if have[key].get(column) != want[key].get(column):
                yield key, column, have[key].get(column, "-")
        if set(have[key]) == set(want[key]) and list(have[key]) != list(want[key]):
            yield key, "*", "columns in another order"
