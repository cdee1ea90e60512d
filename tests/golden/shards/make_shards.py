"""Shards through h5py: what another program writes and reads, and files that no reader may follow.

Versions: h5py 3.16.0 (HDF5 2.0), numpy 2. Writes beside this script:
    rows.json       rows, in words
    h5py.h5         the same as a shard, written by h5py in the layout of data/shards/README.md
    h5py_labels.h5  the same with `labels`, the third row's labels changed
    hostile/*.h5    one broken or hostile thing each
    hone.json       hone.h5, a shard of the same rows that hone wrote, as h5py reads it
    python make_shards.py
hone.h5 comes from the test: HONE_WRITE_GOLDEN=1 data_test --gtest_filter=ShardGolden.*
"""
import json
import pathlib

import h5py
import numpy as np

here = pathlib.Path(__file__).parent
FACTS = np.dtype([("number", "<i8"), ("line", "<i8"), ("content", "<u8"), ("file", "<i4"), ("piece", "<i4"),
                  ("answers", "<i4"), ("ends", "<i4")])
COLUMNS = ("tokens", "starts", "learned", "rows")

random = np.random.default_rng(7)
rows = []
for i, length in enumerate((3, 1, 7, 64, 20)):
    tokens = random.integers(0, 1000, length).tolist()
    labels = [-100 if random.random() < 0.4 or t == 0 else token for t, token in enumerate(tokens)]
    rows.append({"number": i, "line": 2 * i + 1, "content": int(random.integers(0, 2**64, dtype=np.uint64)), "file": i % 2,
                 "piece": i // 4, "answers": 1 + i % 3, "ends": i % 3, "tokens": tokens, "labels": labels})
(here / "rows.json").write_text(json.dumps(rows, indent=1) + "\n")


def columns(rows):
    tokens = np.concatenate([np.array(r["tokens"], "<i4") for r in rows])
    labels = np.concatenate([np.array(r["labels"], "<i4") for r in rows])
    starts = np.concatenate([[0], np.cumsum([len(r["tokens"]) for r in rows])]).astype("<i8")
    facts = np.array([tuple(r[name] for name in FACTS.names) for r in rows], FACTS)
    return {"tokens": tokens, "labels": labels, "starts": starts, "rows": facts,
            "learned": np.packbits(labels != -100, bitorder="little")}


def new(name):
    path = here / name
    path.parent.mkdir(exist_ok=True)
    file = h5py.File(path, "w", libver=("earliest", "v110"))
    file.attrs.create("format", np.bytes_("hone shard 1"))
    return file


def put(file, name, data, **how):
    file.create_dataset(name, data=data, chunks=(min(len(data), 16),), fletcher32=True, **how)


def shard(name, rows, which=COLUMNS, skip=(), **how):
    file, data = new(name), columns(rows)
    for column in which:
        if column not in skip:
            put(file, column, data[column], **how)
    return file, data


shard("h5py.h5", rows, compression="gzip", shuffle=True)[0].close()
other = json.loads(json.dumps(rows))
other[2]["labels"] = [-100, 5, 6, -100, 7, 8, 9]
shard("h5py_labels.h5", other, ("tokens", "starts", "labels", "rows"))[0].close()

# Hostile: what lies outside of the file, or is not what it says.
(here / "hostile").mkdir(exist_ok=True)
f, data = shard("hostile/soft_link.h5", rows, skip=("tokens",))
put(f, "elsewhere", data["tokens"]), f.__setitem__("tokens", h5py.SoftLink("/elsewhere")), f.close()
f, data = shard("hostile/external_link.h5", rows, skip=("tokens",))
f["tokens"] = h5py.ExternalLink("h5py.h5", "/tokens")
f.close()
f, data = shard("hostile/external_storage.h5", rows, skip=("tokens",))
f.create_dataset("tokens", shape=data["tokens"].shape, dtype="<i4", external=[("/etc/passwd", 0, h5py.h5f.UNLIMITED)])
f.close()
f, data = shard("hostile/virtual.h5", rows, skip=("tokens",))
layout = h5py.VirtualLayout(shape=data["tokens"].shape, dtype="<i4")
layout[:] = h5py.VirtualSource("h5py.h5", "tokens", shape=data["tokens"].shape)
f.create_virtual_dataset("tokens", layout)
f.close()
f, data = shard("hostile/shape_bomb.h5", rows, skip=("tokens",))
f.create_dataset("tokens", shape=(1 << 40,), dtype="<i4", chunks=(1024,))
f.close()
f, data = shard("hostile/deflated_bomb.h5", rows, skip=("tokens",))
f.create_dataset("tokens", shape=(1 << 28,), dtype="<i4", chunks=(1 << 20,), compression="gzip")
f.close()
f, data = shard("hostile/chunk_bomb.h5", rows, skip=("tokens",))
f.create_dataset("tokens", shape=data["tokens"].shape, maxshape=(None,), dtype="<i4", chunks=(1 << 29,))
f.close()
f, data = shard("hostile/missing_chunks.h5", rows, skip=("tokens",))
f.create_dataset("tokens", shape=data["tokens"].shape, dtype="<i4", chunks=(16,), fletcher32=True)[:16] = 1
f.close()
f, data = shard("hostile/unknown_filter.h5", rows, skip=("tokens",))
f.create_dataset("tokens", data=data["tokens"], chunks=(16,), compression="lzf")
f.close()
f, data = shard("hostile/wrong_type.h5", rows, skip=("tokens",))
put(f, "tokens", data["tokens"].astype("<i8")), f.close()
f, data = shard("hostile/big_endian.h5", rows, skip=("tokens",))
put(f, "tokens", data["tokens"].astype(">i4")), f.close()
f, data = shard("hostile/wrong_rank.h5", rows, skip=("tokens",))
f.create_dataset("tokens", data=data["tokens"].reshape(-1, 5), chunks=(1, 5), fletcher32=True)
f.close()
f, data = shard("hostile/group.h5", rows, skip=("tokens",))
f.create_group("tokens"), f.close()
f, data = shard("hostile/missing.h5", rows, skip=("starts",))
f.close()
f, data = shard("hostile/one_too_many.h5", rows)
put(f, "more", data["tokens"]), f.close()
f, data = shard("hostile/wrong_format.h5", rows)
f.attrs.modify("format", np.bytes_("hone shard 9")), f.close()
f, data = shard("hostile/no_format.h5", rows)
del f.attrs["format"]
f.close()

# Whole as HDF5, wrong as a shard.
for name, column, change in (
        ("starts_fall", "starts", lambda a: a[[0, 2, 1, 3, 4, 5]]), ("starts_repeat", "starts", lambda a: a[[0, 1, 1, 3, 4, 5]]),
        ("starts_beyond", "starts", lambda a: a + np.array([0, 0, 0, 0, 0, 9])), ("starts_before", "starts", lambda a: a - 1),
        ("no_rows", "starts", lambda a: a[:1]), ("fewer_rows", "rows", lambda a: a[:-1]),
        ("fewer_learned", "learned", lambda a: a[:-1]), ("token_beyond", "tokens", lambda a: np.where(np.arange(len(a)) == 5, 1000, a)),
        ("token_negative", "tokens", lambda a: np.where(np.arange(len(a)) == 5, -1, a))):
    f, data = shard(f"hostile/{name}.h5", rows, skip=(column,))
    put(f, column, change(data[column]).astype(data[column].dtype)), f.close()
f, data = shard("hostile/label_beyond.h5", other, ("tokens", "starts", "labels", "rows"), skip=("labels",))
put(f, "labels", np.where(np.arange(len(data["labels"])) == 5, 1000, data["labels"]).astype("<i4")), f.close()

if (here / "hone.h5").exists():
    with h5py.File(here / "hone.h5") as f:
        assert bytes(f.attrs["format"]) == b"hone shard 1" and set(f) == set(COLUMNS), list(f)
        assert all(f[name].fletcher32 and f[name].chunks for name in f)
        starts, tokens = f["starts"][:], f["tokens"][:]
        learned = np.unpackbits(f["learned"][:], bitorder="little")[:len(tokens)].astype(bool)
        labels = np.where(learned, tokens, -100)
        read = [{**{name: int(facts[name]) for name in FACTS.names}, "tokens": tokens[a:b].tolist(), "labels": labels[a:b].tolist()}
                for facts, a, b in zip(f["rows"][:], starts[:-1], starts[1:])]
    (here / "hone.json").write_text(json.dumps(read, indent=1) + "\n")
