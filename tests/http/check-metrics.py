#!/usr/bin/env python3
"""Is this Prometheus' text format 0.0.4?  check-metrics.py PAGE [EARLIER_PAGE]

Line by line: names, labels, escapes and numbers are well formed; a metric's help and type come before its samples,
once, and its samples stand together; no series is there twice; every metric has help. With an earlier page of the same
process: no counter has gone back, and no series of a counter has gone.
"""
import re
import sys

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"'
SAMPLE = re.compile(rf"({NAME})(?:\{{({LABEL}(?:,{LABEL})*)?\}})? (\S+)")
NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|Inf|NaN)")


def fail(number, line, why):
    sys.exit(f"{sys.argv[1]}:{number}: {why}: {line!r}")


def read(path):
    text = open(path, encoding="utf-8", newline="").read()
    if not text.endswith("\n") or "\r" in text:
        sys.exit(f"{path}: lines end with one line feed, the last one too")
    helps, types, series, current = {}, {}, {}, None
    for number, line in enumerate(text.split("\n")[:-1], 1):
        if line.startswith("# "):
            word, name, rest = (line[2:].split(" ", 2) + ["", ""])[:3]
            if word not in ("HELP", "TYPE") or not re.fullmatch(NAME, name) or not rest:
                fail(number, line, "neither help nor type")
            known = helps if word == "HELP" else types
            if name in known or any(s[0] == name for s in series):
                fail(number, line, "twice, or behind its samples")
            if word == "HELP" and re.search(r"\\(?![\\n])", rest):
                fail(number, line, "a bad escape")
            if word == "TYPE" and rest not in ("counter", "gauge", "histogram", "summary", "untyped"):
                fail(number, line, "no such type")
            known[name] = rest
            current = name
            continue
        m = SAMPLE.fullmatch(line)
        if not m or not NUMBER.fullmatch(m[3]):
            fail(number, line, "no sample")
        labels = tuple(sorted(re.findall(LABEL, m[2] or "")))
        names = [label.split("=", 1)[0] for label in labels]
        if len(set(names)) != len(names):
            fail(number, line, "a label twice")
        if m[1] != current:
            fail(number, line, "not beside its help and type")
        if (m[1], labels) in series:
            fail(number, line, "a series twice")
        if types.get(m[1]) == "counter" and float(m[3]) < 0:
            fail(number, line, "a counter below 0")
        series[m[1], labels] = float(m[3])
    if set(helps) != set(types) or not series:
        sys.exit(f"{path}: help and type do not go together, or there is no sample")
    return types, series


TYPES, SERIES = read(sys.argv[1])
if len(sys.argv) > 2:
    for key, value in read(sys.argv[2])[1].items():
        if TYPES[key[0]] == "counter" and SERIES.get(key, -1) < value:
            sys.exit(f"{key} has gone back from {value} to {SERIES.get(key)}")
print(len(SERIES))
