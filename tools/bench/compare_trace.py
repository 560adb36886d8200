#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Training steps of implicit score matching: stein beside PyTorch and JAX, in turns, one process a method.

usage: tools/bench/compare_trace.py [--runs 3] [--seconds 2] [--python ~/peers/bin/python] [--bench build/release/bench/bench_trace_step]
                                    [--shape DIM,HIDDEN,LAYERS,BATCH ...]
Prints for every shape a line a method: median over the runs of the median step, with the range, and the memory that the steps added; then
the ratios peer / stein of the same step, against the better of the two frameworks. Needs an idle machine and peers/README.md's environment.
"""
import argparse, json, os, statistics, subprocess, sys

here = os.path.dirname(os.path.abspath(__file__))
p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
p.add_argument('--runs', type=int, default=3)
p.add_argument('--seconds', type=float, default=2)
p.add_argument('--python', default=os.path.expanduser('~/peers/bin/python'))
p.add_argument('--bench', default=os.path.join(here, '../../build/release/bench/bench_trace_step'))
p.add_argument('--shape', nargs='*', default=['64,512,2,128', '64,512,3,128', '2,128,2,128'])
a = p.parse_args()

OURS = ['dsm', 'hutchinson', 'exact']
TORCH = ['dsm', 'hutchinson', 'hutchinson_jvp', 'loop', 'vmap_rev', 'vmap_fwd', 'structured', 'collapsed']
JAX = [m for m in TORCH if m != 'loop']


def run(framework, method, shape):
    options = [x for name, value in zip(('dim', 'hidden', 'layers', 'batch'), shape) for x in ('--' + name, value)]
    options += ['--method', method, '--seconds', str(a.seconds)]
    peer = [a.python, os.path.join(here, 'peers/bench_trace.py'), '--framework', framework, '--json']
    done = subprocess.run(([a.bench] if framework == 'stein' else peer) + options, capture_output=True, text=True)
    lines = [l for l in done.stdout.splitlines() if l.startswith('{')]
    if not lines:
        sys.exit(f'{framework} {method}: {done.stdout}{done.stderr}')
    return json.loads(lines[-1])


for text in a.shape:
    shape = text.split(',')
    ways = [('stein', m) for m in OURS] + [('torch', m) for m in TORCH] + [('jax', m) for m in JAX]
    ways = [w for w in ways if w[1] != 'collapsed' or int(shape[2]) <= 2]
    results = {w: [] for w in ways}
    for r in range(a.runs):
        for w in ways:
            results[w].append(run(*w, shape))
        print(f'{text}: run {r + 1} of {a.runs}', file=sys.stderr)
    time = {w: statistics.median(x['seconds_median'] for x in rows) * 1e3 for w, rows in results.items()}
    print(f'\nd {shape[0]}, width {shape[1]}, {shape[2]} hidden layers, batch {shape[3]}: ms a step (range over {a.runs} runs), MB the steps added')
    for w, rows in results.items():
        all_ms = [x['seconds_median'] * 1e3 for x in rows]
        memory = statistics.median(x['peak_step_mb'] for x in rows)
        print(f'  {w[0]:6s}{w[1]:16s}{time[w]:9.3f}  ({min(all_ms):.3f} to {max(all_ms):.3f}){memory:9.1f} MB')

    def best(*methods): return min((time[w], ' '.join(w)) for w in ways if w[0] != 'stein' and w[1] in methods)

    print('  ratios:')
    for ours, label, methods in [('dsm', 'DSM', ['dsm']), ('hutchinson', 'Hutchinson', ['hutchinson', 'hutchinson_jvp']),
                                 ('exact', 'exact beside the loop', ['loop']), ('exact', 'exact beside vmap', ['vmap_rev', 'vmap_fwd']),
                                 ('exact', 'exact beside structured by hand', ['structured']),
                                 ('exact', 'exact beside collapsed by hand', ['collapsed'])]:
        if any(w[1] in methods for w in ways if w[0] != 'stein'):
            t, name = best(*methods)
            print(f'    {label:34s}{t / time["stein", ours]:7.2f}   ({name})')
    print(f'    {"our exact step / our DSM step":34s}{time["stein", "exact"] / time["stein", "dsm"]:7.2f}')
