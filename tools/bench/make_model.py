#!/usr/bin/env python3
"""Writes what both sides of the benchmark read: a random Llama of 56.4 M parameters, an adapter to start from, rows.

    venv/bin/python tools/bench/make_model.py /tmp/bench

makes /tmp/bench/model (Hugging Face, float32, 226 MB), /tmp/bench/adapter (PEFT, r 16) and /tmp/bench/rows.jsonl.
The environment is that of tests/golden/make_golden.py. Seeds are fixed.
"""

import argparse
import json
import os

import numpy as np
import torch
from peft import LoraConfig, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out")
    parser.add_argument("--rows", type=int, default=64)
    parser.add_argument("--length", type=int, default=512)
    arguments = parser.parse_args()

    torch.manual_seed(0)
    model = LlamaForCausalLM(
        LlamaConfig(
            hidden_size=512,
            intermediate_size=1408,
            num_hidden_layers=8,
            num_attention_heads=8,
            num_key_value_heads=4,
            vocab_size=32000,
            max_position_embeddings=4096,
            tie_word_embeddings=False,
            bos_token_id=1,
            eos_token_id=2,
        )
    )
    model.save_pretrained(os.path.join(arguments.out, "model"))

    settings = LoraConfig(r=16, lora_alpha=32, lora_dropout=0.0, target_modules="all-linear", task_type="CAUSAL_LM")
    adapted = get_peft_model(model, settings)  # A random, B zero: peft's own start
    adapted.peft_config["default"].base_model_name_or_path = os.path.join(arguments.out, "model")
    adapted.save_pretrained(os.path.join(arguments.out, "adapter"))

    random = np.random.Generator(np.random.PCG64(0))
    with open(os.path.join(arguments.out, "rows.jsonl"), "w") as file:
        for _ in range(arguments.rows):
            ids = random.integers(3, 32000, arguments.length).tolist()
            file.write(json.dumps({"input_ids": ids, "labels": ids}) + "\n")


if __name__ == "__main__":
    main()
