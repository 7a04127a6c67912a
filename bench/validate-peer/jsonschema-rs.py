"""jsonschema-rs as a peer of bench/validate.c, which says how a peer is asked."""
import json
import sys
import time

import jsonschema_rs


def measure(run, count, ms):
    start, runs = time.process_time_ns(), 0
    while True:
        run()
        runs += 1
        elapsed = time.process_time_ns() - start
        if elapsed >= ms * 1e6:
            return elapsed / (runs * count)


def main(schema, instances):
    with open(schema, encoding='utf-8') as file:
        is_valid = jsonschema_rs.validator_for(json.load(file), validate_formats=False).is_valid
    with open(instances, encoding='utf-8') as file:
        lines = [line for line in file.read().split('\n') if line]
    values = [json.loads(line) for line in lines]
    runs = {'alone': lambda: sum(map(is_valid, values)),
            'bytes': lambda: sum(is_valid(json.loads(line)) for line in lines)}
    print(''.join('01'[is_valid(v)] for v in values), flush=True)
    for line in sys.stdin:
        mode, ms = line.split()
        print(measure(runs[mode], len(values), int(ms)) if mode in runs else '-', flush=True)


main(*sys.argv[1:])
