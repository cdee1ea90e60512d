"""training/lora and training/full: ten optimiser steps, the way transformers' Trainer makes them."""

import os

import torch
from transformers import get_scheduler
from transformers.trainer_pt_utils import get_parameter_names

import reference as ref

STEPS, MICRO_BATCH, ACCUMULATION = 10, 2, 2
SETTINGS = {
    "max_steps": STEPS,
    "micro_batch_size": MICRO_BATCH,
    "gradient_accumulation_steps": ACCUMULATION,
    "learning_rate": 1e-3,
    "lr_scheduler": "cosine",
    "warmup_steps": 2,
    "adam_beta1": 0.9,
    "adam_beta2": 0.999,
    "adam_epsilon": 1e-8,
    "weight_decay": 0.1,
}
MAX_GRAD_NORM = {"lora": 5.5, "full": 7.5}  # some steps are clipped, some are not
NOT_DECAYED = [r"bias", r"layernorm", r"rmsnorm", r"(?:^|\.)norm(?:$|\.)", r"_norm(?:$|\.)"]  # as Trainer has them


def make(root):
    models = os.path.join(os.path.dirname(root), "models")
    lengths = [6 + 5 * i % 13 for i in range(STEPS * MICRO_BATCH * ACCUMULATION)]
    rows = ref.make_rows(4000, lengths, 96)
    for kind, base in (("lora", "untied"), ("full", "tied")):
        folder = os.path.join(root, kind)
        os.makedirs(folder, exist_ok=True)
        ref.write_rows(os.path.join(folder, "rows.jsonl"), rows)
        expected = {"model": f"models/{base}", "settings": {**SETTINGS, "max_grad_norm": MAX_GRAD_NORM[kind]}}
        if kind == "lora":
            expected["adapter"] = f"models/{base}/adapter"
        for dtype in (torch.float64, torch.float32):
            with ref.scope(dtype):
                model = ref.load_model(os.path.join(models, base), dtype)
                if kind == "lora":
                    model = ref.load_adapter(model, os.path.join(models, base, "adapter"))
                precision = str(dtype).removeprefix("torch.")
                expected[precision] = train(model, rows, MAX_GRAD_NORM[kind])
                final = {ref.adapter_name(n): p.data for n, p in model.named_parameters() if p.requires_grad}
                ref.write_tensors(os.path.join(folder, f"final_{precision}.safetensors"), final)
        ref.write_json(os.path.join(folder, "expected.json"), expected)


def optimiser(model):
    trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
    decayed = set(get_parameter_names(model, [torch.nn.LayerNorm], NOT_DECAYED))
    groups = [
        {"params": [p for name, p in trained.items() if name in decayed], "weight_decay": SETTINGS["weight_decay"]},
        {"params": [p for name, p in trained.items() if name not in decayed], "weight_decay": 0.0},
    ]
    betas = (SETTINGS["adam_beta1"], SETTINGS["adam_beta2"])
    return torch.optim.AdamW(groups, lr=SETTINGS["learning_rate"], betas=betas, eps=SETTINGS["adam_epsilon"])


def train(model, rows, max_grad_norm):
    adamw = optimiser(model)
    schedule = get_scheduler(SETTINGS["lr_scheduler"], adamw, SETTINGS["warmup_steps"], STEPS)
    trained = [p for p in model.parameters() if p.requires_grad]
    steps = []
    for step in range(STEPS):
        batch = rows[step * MICRO_BATCH * ACCUMULATION :][: MICRO_BATCH * ACCUMULATION]
        targets = sum(sum(label != -100 for label in row["labels"][1:]) for row in batch)
        total = 0.0
        adamw.zero_grad()
        for micro in range(ACCUMULATION):
            _, losses, _ = ref.run_rows(model, batch[micro * MICRO_BATCH :][:MICRO_BATCH])
            (losses.sum() / targets).backward()  # one division, by the targets of the whole step
            total += losses.sum().item()
        norm = torch.nn.utils.clip_grad_norm_(trained, max_grad_norm).item()
        steps.append(
            {
                "step": step + 1,
                "loss": total / targets,
                "grad_norm": norm,
                "learning_rate": schedule.get_last_lr()[0],
                "target_tokens": targets,
            }
        )
        adamw.step()
        schedule.step()
    return steps
