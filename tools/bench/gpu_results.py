"""What tools/gpu_check found, as a file for programs and a table for people; parts of one day join in one file."""

import datetime
import json
import os
import re

PARTS = ("build", "tests", "sanitizer", "ops", "train", "peer")


def slug(text):
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "unknown"


def number(value, unit):
    for prefix, size in (("T", 1e12), ("G", 1e9), ("M", 1e6)):
        if value >= size:
            return f"{value / size:.3g} {prefix}{unit}/s"
    return f"{value:.3g} {unit}/s"


def cell(text):
    """A line that breaks no table."""
    lines = str(text).strip().splitlines()
    return lines[0].replace("|", "/") if lines else ""


def note_of(found):
    return found.get("problem") or "; ".join(found.get("missing", []))


def rows(heads, lines):
    return ["", "| " + " | ".join(heads) + " |", "|" + " --- |" * len(heads)] + [
        "| " + " | ".join(map(cell, line)) + " |" for line in lines]


def head_of(result):
    gpu, cuda = result["gpu"], result["cuda"]
    libraries = "; ".join(f"{x['name']} {x['version'] or 'not found'}" for x in result["libraries"])
    rates = (("copy", "copy_bytes_per_second", "B"), ("bfloat16 products", "matrix_flops_per_second", "F"))
    measured = ", ".join(f"{name} {number(gpu[key], unit)}" for name, key, unit in rates if gpu.get(key))
    return [f"# {gpu.get('name', 'unknown GPU')}, {result['date']}, commit {result['commit']}", "",
            f"Driver {result['nvidia_smi'].get('driver_version', 'unknown')} (serves CUDA {cuda.get('driver') or '?'}), "
            f"built with CUDA {cuda.get('runtime') or '?'}; {libraries}.",
            f"Compute capability {gpu.get('compute_capability', '?')}, {gpu.get('multiprocessors', '?')} multiprocessors; "
            f"measured: {measured or 'nothing'}. Made by `tools/gpu_check`."]


def tests_of(found):
    lines = ["", "## Tests"]
    lines += rows(("program", "suite", "passed", "failed", "skipped", "seconds"),
                  [[r[key] for key in ("program", "suite", "passed", "failed", "skipped", "seconds")]
                   for r in found["suites"]])
    failures = [f"- {r['suite']}: {cell(text)}" for r in found["suites"] for text in r.get("failures", [])]
    return lines + ([""] + failures if failures else [])


def ops_of(run):
    def line(op):
        if "problem" in op:
            return op["name"], "not run", op["problem"], "", "", ""
        flops = number(op["flops"] / op["seconds"], "F") if op["flops"] else ""
        return (op["name"], f"{op['seconds'] * 1e3:.3f} ms", number(op["bytes"] / op["seconds"], "B"), flops,
                f"{100 * op['share']:.0f} %", op["bound"])

    return (["", f"## Ops, {run['shape']}, {run['tokens']:,} tokens, {run['dtype']}", "",
             f"Copy {number(run['copy_bytes_per_second'], 'B')}, products {number(run['matrix_flops_per_second'], 'F')}. "
             "The share is that of the ideal time, which the bound gives."]
            + rows(("op", "median", "bytes", "operations", "share", "bound"), map(line, run["ops"])))


def train_line(run):
    if "problem" in run:
        return f"{run['name']:42} {cell(run['problem'])}"
    return (f"{run['name']:42} {run['tokens_per_second']:9,.0f} tokens/s, {run['peak_bytes'] / 2**30:5.1f} GiB, "
            f"{run['mean_step_seconds'] / run['expected_step_seconds']:.2f} of the expected time")


def train_of(runs):
    def line(run):
        if "problem" in run:
            return run["name"], run["problem"], "", "", "", "", ""
        return (run["name"], f"{run['tokens_per_second']:,.0f}", f"{run['expected_tokens_per_second']:,.0f}",
                f"{run['mean_step_seconds']:.3f}", f"{100 * run['matrix_share']:.0f} %",
                f"{run['peak_bytes'] / 2**30:.1f} of {run['planned_peak_bytes'] / 2**30:.1f}", run["recompute"])

    return ["", "## Training", "", "Random weights and tokens, documents of 4,096 tokens, LoRA of rank 16 on all linear "
            "layers. The share is that of the matrix rate measured in the same process; memory in GiB, of the planned.",
            *rows(("setting", "tokens/s", "expected", "seconds a step", "share", "memory", "recomputed"),
                  map(line, runs))]


def peer_line(run):
    name = f"gradient checkpointing {run['peer']}, documents {run['batch']}"
    if "problem" in run:
        return f"{name:42} {cell(run['problem'])}"
    return f"{name:42} {run['tokens_per_second']:9,.0f} tokens/s, {run['peak_gib']:5.1f} GiB allocated"


def peer_of(runs):
    def line(run):
        if "problem" in run:
            return run["peer"], run["batch"], run["problem"], "", "", ""
        return (run["peer"], run["batch"], f"{run['tokens_per_second']:,.0f}", f"{run['step_seconds']:.3f}",
                f"{run['peak_gib']:.1f}", f"{run['reserved_gib']:.1f}")

    versions = next((run["versions"] for run in runs if "versions" in run), "")
    return ["", f"## transformers + peft: {versions}", "", "The same shape, rank and tokens; bfloat16, torch's own attention.",
            *rows(("gradient checkpointing", "documents", "tokens/s", "seconds a step", "GiB allocated", "reserved"),
                  map(line, runs))]


def table(result):
    parts, lines = result["parts"], head_of(result)
    lines += rows(("part", "state", "seconds", ""),
                  [(p, parts[p]["state"], parts[p]["seconds"], note_of(parts[p])) for p in PARTS if p in parts])
    if parts.get("tests", {}).get("suites"):
        lines += tests_of(parts["tests"])
    if parts.get("sanitizer", {}).get("runs"):
        lines += ["", "## compute-sanitizer"]
        lines += rows(("tool", "suite", "ended", "seconds"),
                      [(r["tool"], r["suite"], r["ended"], r["seconds"]) for r in parts["sanitizer"]["runs"]])
    for run in parts.get("ops", {}).get("runs", []):
        lines += ops_of(run)
    if parts.get("train", {}).get("runs"):
        lines += train_of(parts["train"]["runs"])
    if parts.get("peer", {}).get("runs"):
        lines += peer_of(parts["peer"]["runs"])
    return "\n".join(lines) + "\n"


def write_whole(path, text):
    with open(path + ".new", "w") as file:
        file.write(text)
    os.replace(path + ".new", path)


def write(folder, commit, nvidia_smi, doctor, parts):
    """Adds the parts to today's file of this GPU and commit. Returns its path without an ending."""
    os.makedirs(folder, exist_ok=True)
    gpu, date = (doctor.get("gpus") or [{}])[0], datetime.date.today().isoformat()
    base = os.path.join(folder, f"{slug(gpu.get('name', ''))}-{date}-{commit}")
    result = {"parts": {}}
    if os.path.exists(base + ".json"):
        with open(base + ".json") as file:
            result = json.load(file)
    result.update(gpu=gpu, date=date, commit=commit, nvidia_smi=nvidia_smi, cuda=doctor.get("cuda", {}),
                  libraries=doctor.get("libraries", []), doctor=doctor)
    result["parts"].update(parts)
    write_whole(base + ".json", json.dumps(result, indent=1) + "\n")
    write_whole(base + ".md", table(result))
    return base
