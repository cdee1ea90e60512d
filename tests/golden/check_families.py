"""Loads the adapters that hone wrote for every family into PEFT, on transformers' model, and compares logits.

    HONE_ADAPTERS=FOLDER build/release/tests/trainer_test --gtest_filter=GoldenFamilyAdapters.*
    venv/bin/python tests/golden/check_families.py FOLDER

Needs what make_golden.py needs. Prints for each case the largest difference of a logit, relative to the largest logit, between PEFT with
hone's folder and what PEFT gave with its own (expected.safetensors), both in float64, and fails above 1e-6.
"""

import json
import os
import sys

import torch
from peft import PeftModel
from safetensors.torch import load_file

import golden_families as families


def main(folder):
    worst = 0.0
    root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "families")
    for case in sorted(os.listdir(root)):
        if case not in os.listdir(folder):
            sys.exit(f"{folder}: no adapter for {case}")
        place = os.path.join(root, case)
        weights = None
        if case.endswith("_nf4"):
            weights = families.stored_weights(place)
        expected, rows = load_file(os.path.join(place, "expected.safetensors")), json.load(open(os.path.join(place, "expected.json")))["rows"]
        with families.scope(torch.float64), torch.no_grad():
            base = families.load_model(place, torch.float64, weights)
            model = PeftModel.from_pretrained(base, os.path.join(folder, case), autocast_adapter_dtype=False).to(torch.float64).eval()
            logits, _, _ = families.run_rows(model, rows)
        found = max(((z - expected[f"adapter.logits.{i}"]).abs().max() / expected[f"adapter.logits.{i}"].abs().max()).item() for i, z in enumerate(logits))
        print(f"{case:28} {found:.2g}")
        worst = max(worst, found)
    return worst < 1e-6


if __name__ == "__main__":
    sys.exit(0 if main(*sys.argv[1:]) else 1)
