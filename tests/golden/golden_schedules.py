"""schedules/schedules.json: learning rates of transformers' schedules, step by step."""

import os

import torch
from transformers import TrainingArguments, get_scheduler

import reference as ref

NAMES = {"cosine": "cosine", "linear": "linear", "constant": "constant_with_warmup"}
PAIRS = [(0, 1), (1, 1), (0, 10), (1, 10), (3, 10), (9, 10), (10, 10), (15, 10), (7, 31), (0, 2), (5, 100)]
RATIOS = [(ratio, total) for ratio in (0.0, 0.01, 0.03, 0.1, 0.15, 0.29, 0.5, 0.999) for total in (1, 7, 10, 100, 333, 1000)]


def learning_rates(name, warmup, total, rate):
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimiser = torch.optim.AdamW([parameter], lr=rate)
    schedule = get_scheduler(name, optimiser, warmup, total)
    rates = []
    for _ in range(total):
        rates.append(schedule.get_last_lr()[0])
        optimiser.step()
        schedule.step()
    return rates


def make(root):
    os.makedirs(root, exist_ok=True)
    cases = []
    for ours, theirs in NAMES.items():
        for warmup, total in PAIRS:
            rates = learning_rates(theirs, warmup, total, 3e-4)
            if ours == "constant" and warmup == 0:
                assert rates == learning_rates("constant", 0, total, 3e-4)
            cases.append({"lr_scheduler": ours, "warmup_steps": warmup, "max_steps": total, "learning_rate": 3e-4, "values": rates})
    ratios = [
        {"warmup_ratio": ratio, "max_steps": total, "warmup_steps": warmup_steps(ratio, total)} for ratio, total in RATIOS
    ]
    ref.write_json(os.path.join(root, "schedules.json"), {"schedules": cases, "ratios": ratios})


def warmup_steps(ratio, total):
    return TrainingArguments(output_dir="unused", warmup_steps=ratio, use_cpu=True).get_warmup_steps(total)
