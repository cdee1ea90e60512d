#!/usr/bin/env python3
"""Writes tests/golden/tensorboard/events.bin with TensorBoard's own record writer and protocol buffers.
    pip install tensorboard==2.21.0
    tests/golden/make_event_file.py
"""
from pathlib import Path

from tensorboard.compat.proto import event_pb2, summary_pb2
from tensorboard.summary.writer.record_writer import RecordWriter


def scalars(wall_time, step, values):
    return event_pb2.Event(wall_time=wall_time, step=step, summary=summary_pb2.Summary(
        value=[summary_pb2.Summary.Value(tag=tag, simple_value=value) for tag, value in values]))


events = [
    event_pb2.Event(wall_time=1764000000.25, file_version="brain.Event:2"),
    event_pb2.Event(wall_time=1764000000.5, step=129, session_log=event_pb2.SessionLog(status=event_pb2.SessionLog.START)),
    scalars(1764000001.75, 129, [("train/loss", 1.213), ("speed/tokens_per_second", 2204.0)]),
    scalars(1764000002.0, 1234567890123, [("train/loss", -0.0)]),
    scalars(1764000003.0, 0, [("evaluation/loss", 1e-30)]),
]
out = Path(__file__).parent / "tensorboard" / "events.bin"
out.parent.mkdir(exist_ok=True)
with open(out, "wb") as file:
    writer = RecordWriter(file)
    for event in events:
        writer.write(event.SerializeToString())
print(out, out.stat().st_size, "bytes")
