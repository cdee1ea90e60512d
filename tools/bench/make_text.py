"""Much English text as JSON lines, recombined from the data that HONE_FIXTURES names: for timing `hone prepare`.

    python tools/bench/make_text.py FIXTURES BYTES [text|messages] > text.jsonl
Each line joins a few random paragraphs of Shakespeare, gsm8k and WikiSQL; the seed is fixed.
"""
import json
import pathlib
import random
import sys

data, size, kind = pathlib.Path(sys.argv[1]) / "data", int(float(sys.argv[2])), (sys.argv[3:] or ["text"])[0]
parts = [p for p in (data / "shakespeare/input.txt").read_text().split("\n\n") if p.strip()]
for line in (data / "gsm8k/train.jsonl").open():
    row = json.loads(line)
    parts += [row["question"], row["answer"]]
for line in (data / "wikisql/train.jsonl").open():
    parts += [value for value in json.loads(line).values() if isinstance(value, str)]
draw = random.Random(17)
written = 0
while written < size:
    texts = ["\n\n".join(draw.choices(parts, k=draw.randint(1, 6))) for _ in range(2)]
    row = {"text": texts[0]} if kind == "text" else {"messages": [{"role": "user", "content": texts[0]}, {"role": "assistant", "content": texts[1]}]}
    line = json.dumps(row, ensure_ascii=False) + "\n"
    sys.stdout.write(line)
    written += len(line.encode())
