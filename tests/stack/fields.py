"""The columns of a row's JSON as the exact text that stands there, which a JSON parser would not keep."""
import json
import re

BLANK = re.compile(r"[\s,]*")
COLON = re.compile(r"\s*:\s*")


def columns(row):
    """{name: the value's text}"""
    found, decoder = {}, json.JSONDecoder()
    at = row.index("{") + 1
    while True:
        at = BLANK.match(row, at).end()
        if row[at] == "}":
            return found
        name, at = decoder.raw_decode(row, at)
        at = COLON.match(row, at).end()
        _, end = decoder.raw_decode(row, at)
        found[name] = row[at:end]
        at = end
