#!/usr/bin/env python3
"""Holds the C module against the oracle: reads a trace of sim-merge, applies each record to the
oracle, and compares what both then have of its key, and how much they have in all.

    sim-merge SEEDS --trace | tests/sim/compare.py"""
import json
import sys

from oracle import Record, Rule

REPORTED = 10


def key_of(json_key):
    return json_key and json_key['id']


def record(line):
    return Record(line['kind'], line['op'], line['partition'], line['offset'], key_of(line['key']),
                  key_of(line['other']), line.get('commit'), line['l'], line.get('tx'), line['ts'],
                  line['row'], frozenset(line['missing'] or ()), line['gap'])


def totals(rule):
    return {'rows': sum(s.alive for s in rule.states.values()), 'states': len(rule.states),
            'moves': len(rule.moves), 'truncated': rule.truncated[1]}


def oracle_side(rule, r):
    """The oracle's answer in the words of the trace."""
    st = rule.states.get(r.key)
    answer = totals(rule)
    if st is None:
        return answer
    answer['state'] = {'alive': st.alive, 'row': st.row.values, 'missing': set(st.row.missing),
                       'ref': st.row.ref, 'stamp': st.stamp, 'mark': st.mark and st.mark.position,
                       'seen': st.seen, 'quarantined': st.quarantined,
                       'ahead': st.ahead if st.alive else 0}
    return answer


def module_side(line):
    answer = {name: line[name] for name in ('rows', 'states', 'moves', 'truncated')}
    if 'state' in line:
        st = answer['state'] = line['state']
        st['missing'] = set(st['missing'] or ())
        st['ref'] = st['ref'] and (key_of(st['ref'][0]), st['ref'][1])
        st['ahead'] = st['ahead'] if st['alive'] else 0
        for name in 'stamp', 'mark', 'seen':
            st[name] = st[name] and tuple(st[name])
    return answer


def compare(lines):
    """(runs, records, runs that differ, did the trace come to its end)"""
    runs = records = 0
    differ, ended = set(), False
    run, rule = None, None
    for line in map(json.loads, lines):
        if 'end' in line:
            ended = True
        elif 'run' in line:
            run, rule = line['run'], Rule(line['gap_rule'], line['made'])
            runs += 1
        elif run not in differ and 'flagged' in line:
            rule.made()
            oracle = dict(totals(rule), flagged=sum(st.quarantined for st in rule.states.values()))
            if oracle != line:
                differ.add(run)
                print(f'FAILED {run} when it is made\n  oracle: {oracle}\n  module: {line}')
        elif run not in differ:
            r = record(line)
            rule.apply(r)
            records += 1
            oracle, module = oracle_side(rule, r), module_side(line)
            if oracle != module:
                differ.add(run)
                if len(differ) <= REPORTED:
                    print(f'FAILED {run} at {r}\n  oracle: {oracle}\n  module: {module}')
    return runs, records, len(differ), ended


if __name__ == '__main__':
    runs, records, differ, ended = compare(sys.stdin)
    print(f'{records} records compared with the oracle')
    print(f'{runs - differ} passed, {differ} failed, 0 skipped')
    sys.exit(differ > 0 or not ended)
