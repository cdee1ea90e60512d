#!/usr/bin/env python3
"""Times training steps of transformers + peft (+ bitsandbytes) on the CPU. Prints one JSON object.

    venv/bin/python tools/bench/peer.py /tmp/bench --steps 8 --threads 2

A step is what a user of both waits for: forward, loss, backward, clipping, AdamW, schedule, on real tokens without
padding. The first two steps are not counted.
"""

import argparse
import json
import os
import statistics
import sys
import time

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, BitsAndBytesConfig, get_scheduler


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", help="what make_model.py wrote")
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--uncounted", type=int, default=2)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--compute", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--base", choices=["none", "nf4"], default="none")
    parser.add_argument("--batch", type=int, default=1, help="rows a step")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)

    with open(os.path.join(arguments.folder, "rows.jsonl")) as file:
        rows = [json.loads(line) for line in file]
    needed = arguments.steps * arguments.batch
    if len(rows) < needed:
        sys.exit(f"{arguments.folder}/rows.jsonl holds {len(rows)} rows, {arguments.steps} steps need {needed}")
    dtype, options = getattr(torch, arguments.compute), {}
    if arguments.base == "nf4":
        options["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=dtype,
        )
    model = AutoModelForCausalLM.from_pretrained(
        os.path.join(arguments.folder, "model"), dtype=dtype, attn_implementation="sdpa", **options
    )
    model = PeftModel.from_pretrained(model, os.path.join(arguments.folder, "adapter"), is_trainable=True).train()
    trained = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=2e-4, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0)
    schedule = get_scheduler("constant", optimiser)

    losses, norms, rates = [], [], []
    print("start", flush=True)  # what is resident now is not counted as training's
    for step in range(arguments.steps):
        batch = rows[step * arguments.batch : (step + 1) * arguments.batch]
        ids, labels = (torch.tensor([row[key] for row in batch]) for key in ("input_ids", "labels"))
        start = time.perf_counter()
        loss = model(input_ids=ids, labels=labels, use_cache=False).loss
        loss.backward()
        norms.append(torch.nn.utils.clip_grad_norm_(trained, 1.0).item())
        optimiser.step()
        schedule.step()
        optimiser.zero_grad()
        losses.append(loss.item())
        rates.append(ids.numel() / (time.perf_counter() - start))
        print("step", step + 1, flush=True)  # the caller reads the peak of memory while this process lives
    rate = statistics.median(rates[arguments.uncounted :])
    print(json.dumps({"tokens_per_second": rate, "losses": losses, "grad_norms": norms}), flush=True)


if __name__ == "__main__":
    main()
