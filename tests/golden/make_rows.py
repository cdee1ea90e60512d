# Golden files for the readers of rows: small files as other programs write them, and counts of real files.
#   HONE_FIXTURES=<folder> venv/bin/python tests/golden/make_rows.py     # the environment: the head of make_golden.py
# Uses json, gzip, pyarrow and Hugging Face's tokenizers alone.
import gzip
import json
import os
import pathlib

import pyarrow as pa
import pyarrow.parquet as pq
from tokenizers import Tokenizer

HERE = pathlib.Path(__file__).parent / "data" / "rows"
FIXTURES = pathlib.Path(os.environ["HONE_FIXTURES"])


def small_files():
    """The same rows as lines, in several gzip members and zstd frames, and as Parquet with nested columns."""
    rows = [{
        "messages": [{"role": "user", "content": f"frage {i} \u00e4\u4f60 \"x\"\\ \n\t\x01"}, {"role": "assistant", "content": "antwort " * (i % 7 + 1)}],
        "ids": list(range(i % 5)), "score": i / 8, "flag": i % 2 == 0, "note": None if i % 3 else "n",
        "nested": {"a": [{"b": i}, {"b": None}], "c": None if i % 2 else {"d": "e"}},
    } for i in range(150)]
    lines = "".join(json.dumps(row, ensure_ascii=i % 2 == 0) + "\n" for i, row in enumerate(rows)).encode()
    third = len(lines) // 3  # in the middle of a line
    parts = [lines[:third], lines[third:2 * third], b"", lines[2 * third:]]
    (HERE / "rows.jsonl.gz").write_bytes(b"".join(gzip.compress(part, mtime=0) for part in parts))
    codec = pa.Codec("zstd")
    skipped = b"\x50\x2a\x4d\x18\x03\x00\x00\x00abc"  # a frame that decoders pass over
    (HERE / "rows.jsonl.zst").write_bytes(skipped + b"".join(codec.compress(part, asbytes=True) for part in parts if part))
    table = pa.Table.from_pylist(rows)
    pq.write_table(table, HERE / "rows.parquet", row_group_size=40, compression="zstd")
    kinds = pa.table({
        "text": pa.array(["a", "b", None, "d"], pa.large_string()),
        "category": pa.array(["x", "y", "x", None]).dictionary_encode(),
        "big": pa.array([2**63, 1, 0, 2**64 - 1], pa.uint64()),
        "small": pa.array([-128, 127, 0, None], pa.int8()),
        "real": pa.array([0.1, -1.5, float("nan"), float("inf")], pa.float64()),
        "pairs": pa.array([[("k", 1), ("l", 2)], [], None, [("m", 3)]], pa.map_(pa.string(), pa.int32())),
        "fixed": pa.array([[1, 2], [3, 4], [5, 6], None], pa.list_(pa.int16(), 2)),
        "day": pa.array([0, 1, 2, 3], pa.date32()),
    })
    pq.write_table(kinds, HERE / "types.parquet", compression="snappy")
    expected = []
    for row in kinds.to_pylist():
        row["pairs"] = None if row["pairs"] is None else dict(row["pairs"])
        row["day"] = row["day"].isoformat()
        if row["real"] != row["real"] or abs(row["real"]) == float("inf"):
            row["real"] = None
        expected.append(row)
    (HERE / "expected.json").write_text(json.dumps({"rows": rows, "types": expected}, ensure_ascii=False) + "\n")


def encode(tokenizer, text):
    return tokenizer.encode(text, add_special_tokens=False).ids


def chatml(tokenizer, messages):
    """Tokens, and how many are learned: an answer and its end. An answer is encoded with its heading where that leaves the heading's tokens."""
    newline = encode(tokenizer, "\n")
    tokens = learned = 0
    for role, text in messages:
        head, whole = encode(tokenizer, role + "\n"), encode(tokenizer, role + "\n" + text)
        if role == "assistant" and whole[:len(head)] != head:
            whole = head + encode(tokenizer, text)
        tokens += 1 + len(whole) + 1 + len(newline)
        if role == "assistant" and text:
            learned += len(whole) - len(head) + 1
    return tokens, learned


def alpaca(record):
    prompt = "Below is an instruction that describes a task"
    prompt += ", paired with an input that provides further context. " if record["input"] else ". "
    prompt += "Write a response that appropriately completes the request.\n\n### Instruction:\n" + record["instruction"]
    return prompt + ("\n\n### Input:\n" + record["input"] if record["input"] else "") + "\n\n### Response:\n"


def real_files():
    qwen = Tokenizer.from_file(str(FIXTURES / "tokenizers/qwen2.5/tokenizer.json"))
    counts = {}

    paths = []
    def walk(node, before):
        path = before + [({"prompter": "user", "assistant": "assistant"}[node["role"]], node["text"])]
        for reply in node["replies"]:
            walk(reply, path)
        if not node["replies"]:
            paths.append(path)
    trees = [json.loads(line) for line in open(FIXTURES / "data/oasst/en_100_tree.jsonl")]
    for tree in trees:
        walk(tree["prompt"], [])
    sizes = [chatml(qwen, path) for path in paths]
    used = [(t, l) for t, l in sizes if l > 0]
    counts["oasst"] = {"trees": len(trees), "paths": len(paths), "used": len(used), "tokens": sum(t for t, _ in used),
                       "learned": sum(l for _, l in used), "answers": sum(sum(r == "assistant" and t != "" for r, t in p) for p in paths),
                       "longer_than_512": sum(t > 512 for t, _ in used), "tokens_of_those": sum(t for t, _ in used if t > 512)}

    pairs = json.load(open(FIXTURES / "data/preference/instruction-data-with-preference.json"))
    def length(row, side):
        prompt, whole = encode(qwen, alpaca(row)), encode(qwen, alpaca(row) + row[side])
        return (len(whole) if whole[:len(prompt)] == prompt else len(prompt) + len(encode(qwen, row[side]))) + 1
    rest = [row for row in pairs if row["chosen"] != row["rejected"]]
    counts["preference"] = {"pairs": len(pairs), "equal": len(pairs) - len(rest), "longer_than_80": sum(max(length(row, "chosen"), length(row, "rejected")) > 80 for row in pairs),
                            "equal_and_short": sum(row["chosen"] == row["rejected"] and length(row, "chosen") <= 80 for row in pairs)}
    (HERE / "counts.json").write_text(json.dumps(counts, indent=1) + "\n")


if __name__ == "__main__":
    HERE.mkdir(parents=True, exist_ok=True)
    small_files()
    real_files()
