#!/usr/bin/env python3
"""Rows of tokens with copies of every degree among them, and what an exact comparison of all pairs says.

    python3 tests/golden/make_check.py          # standard library alone; writes tests/golden/check/

expected.json: `duplicates`, lines of rows equal to an earlier one; `pairs`, [line, earlier line, Jaccard index] of all
others whose sets of 5-token sequences have at least half in common. Sequences of which nothing is learned and that at
least 20 rows and 5 % of the file have do not count: rows of the second half begin with one and the same prompt.
Numbers: `ids`, identity numbers made here from their published definitions; the others in the test are published
examples."""
import json
import pathlib
import random

OUT = pathlib.Path(__file__).parent / "check"


def rows():
    rng = random.Random(17)
    prompt = [rng.randrange(1000) for _ in range(40)]
    out = []

    def fresh():
        return [rng.randrange(1000) for _ in range(rng.randrange(9, 70))]

    def changed(tokens):
        tokens = list(tokens)
        for _ in range(rng.choice([0, 1, 1, 1, 2, 2, 3, 4, 6, 8])):
            at = rng.randrange(len(tokens))
            what = rng.randrange(3)
            if what == 0:
                tokens[at] = rng.randrange(1000)
            elif what == 1:
                tokens.insert(at, rng.randrange(1000))
            elif len(tokens) > 9:
                del tokens[at]
        return tokens

    bodies = []
    for i in range(360):
        body = changed(rng.choice(bodies[-60:])) if bodies and rng.random() < 0.45 else fresh()
        bodies.append(body)
        if i < 180:
            out.append({"input_ids": body, "labels": [-100] + body[1:]})
        else:
            head = prompt + body[:3]
            out.append({"input_ids": prompt + body, "labels": [-100] * len(head) + body[3:]})
    return out


def shingles(row):
    ids, labels = row["input_ids"], row["labels"]
    return [(tuple(ids[i:i + 5]), all(x == -100 for x in labels[i:i + 5])) for i in range(len(ids) - 4)]


def norwegian(nine):
    """Fødselsnummer: nine digits and two check digits, mod 11."""
    digits = [int(c) for c in nine]
    for weights in ([3, 7, 6, 1, 8, 9, 4, 5, 2], [5, 4, 3, 2, 7, 6, 5, 4, 3, 2]):
        check = -sum(d * w for d, w in zip(digits, weights)) % 11
        if check == 10:
            return None
        digits.append(check)
    return "".join(map(str, digits))


def korean(twelve):
    digits = [int(c) for c in twelve]
    check = (11 - sum(d * w for d, w in zip(digits, [2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5])) % 11) % 10
    return twelve[:6] + "-" + twelve[6:] + str(check)


def main():
    OUT.mkdir(exist_ok=True)
    all_rows = rows()
    with open(OUT / "rows.jsonl", "w") as file:
        for row in all_rows:
            file.write(json.dumps(row, separators=(",", ":")) + "\n")
    counts = {}
    for row in all_rows:
        for shingle in {s for s, told in shingles(row) if told}:
            counts[shingle] = counts.get(shingle, 0) + 1
    common = {s for s, n in counts.items() if n >= max(20, int(0.05 * len(all_rows)))}
    sets = [{s for s, _ in shingles(row)} - common for row in all_rows]
    first, duplicates, pairs = {}, [], []
    for i, row in enumerate(all_rows):
        key = tuple(row["input_ids"])
        if key in first:
            duplicates.append(i + 1)
            continue
        first[key] = i
        for j in first.values():
            if j == i or len(sets[i]) < 5 or len(sets[j]) < 5:
                continue
            index = len(sets[i] & sets[j]) / len(sets[i] | sets[j])
            if index >= 0.5:
                pairs.append([i + 1, j + 1, index])
    ids = {"norway": [n for n in (norwegian(f"{d:02}{m:02}{y:02}{k:03}") for d, m, y, k in
                                  [(1, 1, 80, 123), (29, 2, 60, 355), (31, 12, 99, 401), (15, 7, 5, 600)]) if n],
           "korea": [korean(n) for n in ("900101123456", "851231298765", "000229312345")]}
    expected = {"common": len(common), "duplicates": duplicates, "pairs": pairs, "ids": ids}
    (OUT / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")
    print(len(all_rows), "rows,", len(common), "common,", len(duplicates), "duplicates,", len(pairs), "pairs,",
          len({p[0] for p in pairs if p[2] >= 0.8}), "near copies")


if __name__ == "__main__":
    main()
