"""Sourcemeta's command-line tool as a peer of bench/validate.c, which says how a peer is asked. The
tool times itself: each document so many times in a row, less what looking at the clock takes.

    sourcemeta.py TOOL SCHEMA INSTANCES"""
import re
import statistics
import subprocess
import sys

LOOPS = 100
LINE = re.compile(r'\[(\d+)\]: (PASS|FAIL) ([0-9.]+) \+-', re.M)


def run(tool, schema, instances, loops):
    done = subprocess.run([tool, 'validate', schema, instances, '--fast', '--benchmark', '--continue',
                           '--loop', str(loops)], capture_output=True, text=True)
    found = LINE.findall(done.stdout + done.stderr)
    if not found:
        sys.exit(done.stderr[-500:])
    return [(verdict, float(us)) for _, verdict, us in sorted(found, key=lambda f: int(f[0]))]


def main(tool, schema, instances):
    print(''.join('01'[v == 'PASS'] for v, _ in run(tool, schema, instances, 1)), flush=True)
    runs = []
    for line in sys.stdin:
        if 'again' in line:
            runs.append([us for _, us in run(tool, schema, instances, LOOPS)])
            # It looks at the wall's clock: a document that was interrupted counts as in other runs.
            times = [statistics.median(of) for of in zip(*runs)]
            print(1000 * sum(times) / len(times), flush=True)
        else:
            print('-', flush=True)


main(*sys.argv[1:])
