#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs two or more benchmark commands in turns and compares them: drifts of the machine hit all alike.

usage: tools/bench/interleave.py [--runs 5] 'OURS' 'PEER' ['PEER' ...]
Each command prints one JSON object in its last line. For each of its numeric keys that start with seconds_ or peak_: median,
minimum and maximum over the runs, and the peer's median divided by ours (above 1: ours is better).
"""
import argparse, json, shlex, statistics, subprocess, sys

p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
p.add_argument('--runs', type=int, default=5)
p.add_argument('commands', nargs='+')
a = p.parse_args()

results = [[] for _ in a.commands]
for run in range(a.runs):
    for command, rows in zip(a.commands, results):
        done = subprocess.run(shlex.split(command), capture_output=True, text=True)
        if done.returncode:
            sys.exit(f'{command}\nfailed ({done.returncode}): {done.stderr}')
        rows.append(json.loads(done.stdout.strip().splitlines()[-1]))
    print(f'run {run + 1} of {a.runs}', file=sys.stderr)

keys = [k for k in results[0][0] if k.startswith(('seconds_', 'peak_')) and all(k in rows[0] for rows in results)]
for key in keys:
    print(key)
    ours = statistics.median(r[key] for r in results[0])
    for command, rows in zip(a.commands, results):
        values = [r[key] for r in rows]
        median = statistics.median(values)
        ratio = '' if rows is results[0] else f'   {median / ours:5.2f} times ours'
        print(f'  {median:10.4g}  ({min(values):.4g} to {max(values):.4g}){ratio}   {command}')
