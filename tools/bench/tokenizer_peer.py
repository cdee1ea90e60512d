#!/usr/bin/env python3
"""The peer's side of tools/bench/tokenizer: encodes the same rows with the tokenizers library.

    RAYON_NUM_THREADS=1 venv/bin/python tools/bench/tokenizer_peer.py MODEL_DIR rows.jsonl [rounds]

Uses encode_batch_fast, which leaves out offsets; rayon takes RAYON_NUM_THREADS threads. Prints the same JSON object as
hone_bench_tokenizer. Only the library's own work is timed: ids become Python lists after the clock has stopped.
"""
import array
import hashlib
import json
import os
import resource
import sys
import time

from tokenizers import Tokenizer


def processor_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main():
    folder, rows = sys.argv[1:3]
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 3
    tokenizer = Tokenizer.from_file(os.path.join(folder, "tokenizer.json"))
    with open(rows, encoding="utf-8") as file:
        texts = [json.loads(line)["text"] for line in file]
    best = best_processor = float("inf")
    for _ in range(rounds):
        began, processor = time.perf_counter(), processor_seconds()
        encoded = [row for at in range(0, len(texts), 1000) for row in tokenizer.encode_batch_fast(texts[at : at + 1000], add_special_tokens=False)]
        best = min(best, time.perf_counter() - began)
        best_processor = min(best_processor, processor_seconds() - processor)
    digest, tokens = hashlib.sha256(), 0
    for row in encoded:
        ids = array.array("i", row.ids)
        digest.update(ids.tobytes())
        tokens += len(ids)
    print(json.dumps({"tokens": tokens, "seconds": best, "processor_seconds": best_processor, "ids": digest.hexdigest()}))


if __name__ == "__main__":
    main()
