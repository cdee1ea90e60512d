#!/usr/bin/env python3
"""QLoRA of a real small model by peft + bitsandbytes, for the comparison on real input: numbers only, no text, no tokens.

    HONE_FIXTURES=<folder> venv/bin/python tests/golden/make_reference_runs.py [shakespeare] [instructions]

The virtual environment is make_golden.py's. README.md, "reference_runs", states the rules both sides follow.
"""

import json
import os
import sys

import make_golden

make_golden.check_versions()
import bitsandbytes
import numpy as np
import torch
from peft import LoraConfig, get_peft_model
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM, BitsAndBytesConfig, get_scheduler

import reference as ref

torch.set_num_threads(1)
FIXTURES = os.environ["HONE_FIXTURES"]
MODEL = os.path.join(FIXTURES, "models", "stories260K-hf")
START, END = 1, 2
STEPS, MICRO_BATCH, SEEDS = 150, 4, (0, 1, 2)
SETTINGS = {
    "quantization": "nf4",
    "double_quantization": True,
    "compute": "float32",
    "r": 8,
    "lora_alpha": 16,
    "lora_dropout": 0,
    "target_modules": "all-linear",
    "shuffle": False,
    "packing": False,
    "max_steps": STEPS,
    "micro_batch_size": MICRO_BATCH,
    "gradient_accumulation_steps": 1,
    "learning_rate": 2e-3,
    "lr_scheduler": "cosine",
    "warmup_steps": 10,
    "adam_beta1": 0.9,
    "adam_beta2": 0.999,
    "adam_epsilon": 1e-8,
    "weight_decay": 0,
    "max_grad_norm": 1.0,
}


def tokenizer():
    return Tokenizer.from_file(os.path.join(MODEL, "tokenizer.json"))


def shakespeare():
    with open(os.path.join(FIXTURES, "data", "shakespeare", "input.txt"), encoding="utf-8", newline="") as file:
        ids = [START] + tokenizer().encode(file.read(), add_special_tokens=False).ids + [END]
    pieces = [ids[at : at + 256] for at in range(0, len(ids), 256)]
    return [{"input_ids": piece, "labels": piece} for piece in pieces], 40, {"max_length": 256}


def instructions():
    """The classic alpaca prompt; learned are the answer and the end token."""
    with open(os.path.join(FIXTURES, "data", "instructions", "instruction-data.json"), encoding="utf-8") as file:
        records = json.load(file)
    encode = lambda text: tokenizer_.encode(text, add_special_tokens=False).ids
    tokenizer_, rows = tokenizer(), []
    for record in records:
        prompt = "Below is an instruction that describes a task"
        prompt += ", paired with an input that provides further context. " if record["input"] else ". "
        prompt += "Write a response that appropriately completes the request.\n\n### Instruction:\n" + record["instruction"]
        if record["input"]:
            prompt += "\n\n### Input:\n" + record["input"]
        prompt += "\n\n### Response:\n"
        read, whole = [START] + encode(prompt), [START] + encode(prompt + record["output"]) + [END]
        assert whole[: len(read)] == read, "the answer changes the tokens before it"
        if len(whole) <= 512:
            rows.append({"input_ids": whole, "labels": [-100] * len(read) + whole[len(read) :]})
    return rows, 100, {"max_length": 512}


def checksum(rows):
    """FNV-1a in 64 bits over all input_ids, then all labels, of all rows in order, a step a number."""
    value = 0xCBF29CE484222325
    for row in rows:
        for number in row["input_ids"]:
            value = ((value ^ number) * 0x100000001B3) % 2**64
    for row in rows:
        for number in [-100] + row["labels"][1:]:  # a row's first token is never learned
            value = ((value ^ number % 2**32) * 0x100000001B3) % 2**64
    return f"{value:016x}"


def summed_loss(model, rows):
    """Shorter rows are filled up at their end, where no other token sees it and nothing is learned."""
    longest = max(len(row["input_ids"]) for row in rows)
    ids = torch.tensor([row["input_ids"] + [0] * (longest - len(row["input_ids"])) for row in rows])
    labels = torch.tensor([row["labels"][1:] + [-100] * (longest - len(row["labels"])) for row in rows])
    logits = model(input_ids=ids, use_cache=False).logits[:, :-1].float()
    total = torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=-100, reduction="sum")
    return total, int((labels != -100).sum())


def held_out_loss(model, rows):
    with torch.no_grad():
        parts = [summed_loss(model, rows[at : at + MICRO_BATCH]) for at in range(0, len(rows), MICRO_BATCH)]
    return sum(loss.item() for loss, _ in parts) / sum(targets for _, targets in parts)


def base_model():
    settings = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.float32,
    )
    model = AutoModelForCausalLM.from_pretrained(MODEL, quantization_config=settings, dtype=torch.float32, device_map="cpu")
    return model.train()  # the library's packing for evaluation on CPUs refuses these widths; no dropout, so nothing else changes


def check_library(rows):
    """The library's CPU products are those of the values its codes stand for (on some processors they are not)."""
    import golden_nf4

    quantised, plain = base_model(), AutoModelForCausalLM.from_pretrained(MODEL, dtype=torch.float32)
    modules = dict(plain.named_modules())
    for name, module in quantised.named_modules():
        if isinstance(module, bitsandbytes.nn.Linear4bit):
            weight = modules[name].weight
            values = golden_nf4.dequantised(module.weight.data.flatten(), module.weight.quant_state, weight)
            library = bitsandbytes.functional.dequantize_4bit(module.weight.data, module.weight.quant_state)
            assert torch.allclose(library.flatten(), values, rtol=1e-6, atol=0), f"the library's values of {name} are wrong"
            weight.data.copy_(values.reshape(weight.shape))
    difference = abs(held_out_loss(quantised, rows) / held_out_loss(plain, rows) - 1)
    assert difference < 1e-5, f"bitsandbytes computes with other weights here: {difference}"
    return held_out_loss(AutoModelForCausalLM.from_pretrained(MODEL, dtype=torch.float32), rows)


def train(seed, rows, held_out):
    torch.manual_seed(seed)
    lora = LoraConfig(
        r=SETTINGS["r"], lora_alpha=SETTINGS["lora_alpha"], lora_dropout=0.0, target_modules="all-linear", task_type="CAUSAL_LM"
    )
    model = get_peft_model(base_model(), lora)
    trained = [p for p in model.parameters() if p.requires_grad]
    assert len(trained) == 2 * 7 * 5 and all(p.dtype == torch.float32 for p in trained)
    before = held_out_loss(model, held_out)
    optimiser = torch.optim.AdamW(trained, lr=SETTINGS["learning_rate"], betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0)
    schedule = get_scheduler(SETTINGS["lr_scheduler"], optimiser, SETTINGS["warmup_steps"], STEPS)
    curve = []
    for step in range(STEPS):
        loss, targets = summed_loss(model, rows[step * MICRO_BATCH :][:MICRO_BATCH])
        optimiser.zero_grad()
        (loss / targets).backward()
        torch.nn.utils.clip_grad_norm_(trained, SETTINGS["max_grad_norm"])
        optimiser.step()
        schedule.step()
        curve.append(round(loss.item() / targets, 6))
        print(f"seed {seed} step {step + 1}: {curve[-1]}", end="\r", file=sys.stderr)
    return {"seed": seed, "held_out_before": before, "held_out_after": held_out_loss(model, held_out), "losses": curve}


def make(name, read):
    rows, kept_back, more = read()
    train_rows, held_out = rows[: STEPS * MICRO_BATCH], rows[-kept_back:]
    assert len(rows) >= len(train_rows) + len(held_out)
    result = {"settings": {**SETTINGS, **more}, "rows": len(rows)}
    for key, part in (("train", train_rows), ("held_out", held_out)):
        result[key] = {
            "rows": len(part),
            "tokens": sum(len(row["input_ids"]) for row in part),
            "target_tokens": sum(label != -100 for row in part for label in row["labels"][1:]),
            "checksum": checksum(part),
        }
    result["held_out_unquantised"] = check_library(held_out)
    result["runs"] = [train(seed, train_rows, held_out) for seed in SEEDS]
    after = [run["held_out_after"] for run in result["runs"]]
    result["held_out_after_mean"] = float(np.mean(after))
    result["held_out_after_spread"] = (max(after) - min(after)) / float(np.mean(after))
    folder = os.path.join(make_golden.HERE, "reference_runs")
    os.makedirs(folder, exist_ok=True)
    ref.write_json(os.path.join(folder, f"{name}.json"), result)


if __name__ == "__main__":
    runs = {"shakespeare": shakespeare, "instructions": instructions}
    for name in sys.argv[1:] or runs:
        make(name, runs[name])
