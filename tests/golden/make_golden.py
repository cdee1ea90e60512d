#!/usr/bin/env python3
"""Makes every golden file below tests/golden that comes from torch, transformers, peft and bitsandbytes.

    python3.11 -m venv venv
    venv/bin/pip install torch==2.15.0 transformers==5.23.0 peft==0.21.2 bitsandbytes==0.50.2 \
        safetensors==0.8.0 accelerate==1.15.0 tokenizers==0.23.3 numpy==2.4.6
    venv/bin/python tests/golden/make_golden.py [models] [training] [schedules] [nf4] [adamw] [adamw8] [sampling] [attention] [families]

Without arguments everything is made. Seeds are fixed: run twice on one machine the files are byte-identical; another
processor may change last digits of what is computed (expected.*), never of weights and rows. README.md says what each
file holds.
"""

import os
import sys
from importlib import import_module
from importlib.metadata import version

os.environ["TRANSFORMERS_VERBOSITY"] = "error"
os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
os.environ["CUDA_VISIBLE_DEVICES"] = ""  # everything here is computed on the CPU
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

PINNED = {
    "torch": "2.15.0",
    "transformers": "5.23.0",
    "peft": "0.21.2",
    "bitsandbytes": "0.50.2",
    "safetensors": "0.8.0",
    "numpy": "2.4.6",
}


def check_versions():
    wrong = [f"{name} {version(name)}, wanted {wanted}" for name, wanted in PINNED.items() if version(name) != wanted]
    if wrong:
        sys.exit("other versions make other files: " + "; ".join(wrong))


def main():
    check_versions()
    parts = ["models", "training", "schedules", "nf4", "adamw", "adamw8", "sampling", "attention", "families"]
    for name in sys.argv[1:] or parts:
        if name not in parts:
            sys.exit(f"unknown part {name}; parts are {', '.join(parts)}")
        import_module(f"golden_{name}").make(os.path.join(HERE, name))


if __name__ == "__main__":
    main()
