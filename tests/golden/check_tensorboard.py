#!/usr/bin/env python3
"""Reads the TensorBoard files of a run as TensorBoard does and holds them against metrics.jsonl and evaluation.jsonl.
    pip install tensorboard==2.21.0
    tests/golden/check_tensorboard.py runs/quickstart
"""
import json
import sys
from pathlib import Path

import numpy
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

run = Path(sys.argv[1])


def lines(name):
    file = run / name
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


accumulator = EventAccumulator(str(run / "tensorboard"), size_guidance={"scalars": 0})
accumulator.Reload()
compared = 0
for tag, name, key in [("train/loss", "metrics.jsonl", "loss"), ("train/gradient_norm", "metrics.jsonl", "grad_norm"),
                       ("train/learning_rate", "metrics.jsonl", "learning_rate"),
                       ("evaluation/loss", "evaluation.jsonl", "loss")]:
    expected = [(line["step"], float(numpy.float32(line[key]))) for line in lines(name)]
    if not expected:
        continue
    shown = [(event.step, event.value) for event in accumulator.Scalars(tag)]
    assert shown == expected, f"{tag}: {len(shown)} shown, {len(expected)} expected: {shown[:3]} … {expected[:3]}"
    compared += len(expected)
    print(f"{tag:24} {len(expected)} values, steps {expected[0][0]} to {expected[-1][0]}")
assert compared > 0, "no value was compared"
print(f"{len(list((run / 'tensorboard').iterdir()))} files, {compared} values as TensorBoard reads them")
