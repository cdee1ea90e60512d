#!/usr/bin/env python3
"""Times training steps of transformers + peft on the CPU, in float32. Prints one JSON object.

    venv/bin/python tools/bench/peer.py /tmp/bench --steps 8 --threads 2

A step is what a user of both waits for: forward, loss, backward, clipping, AdamW, schedule, on real tokens without
padding. The first two steps are not counted.
"""

import argparse
import json
import os
import resource
import statistics
import sys
import time

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, get_scheduler


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", help="what make_model.py wrote")
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--uncounted", type=int, default=2)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)

    with open(os.path.join(arguments.folder, "rows.jsonl")) as file:
        rows = [json.loads(line) for line in file][: arguments.steps]
    if len(rows) < arguments.steps:
        sys.exit(f"{arguments.folder}/rows.jsonl holds {len(rows)} rows, {arguments.steps} steps need one each")
    model = AutoModelForCausalLM.from_pretrained(
        os.path.join(arguments.folder, "model"), dtype=torch.float32, attn_implementation="sdpa"
    )
    model = PeftModel.from_pretrained(model, os.path.join(arguments.folder, "adapter"), is_trainable=True).train()
    trained = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=2e-4, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0)
    schedule = get_scheduler("constant", optimiser)

    losses, norms, rates = [], [], []
    for row in rows:
        ids, labels = torch.tensor([row["input_ids"]]), torch.tensor([row["labels"]])
        start = time.perf_counter()
        loss = model(input_ids=ids, labels=labels, use_cache=False).loss
        loss.backward()
        norms.append(torch.nn.utils.clip_grad_norm_(trained, 1.0).item())
        optimiser.step()
        schedule.step()
        optimiser.zero_grad()
        losses.append(loss.item())
        rates.append(ids.numel() / (time.perf_counter() - start))
    print(
        json.dumps(
            {
                "tokens_per_second": statistics.median(rates[arguments.uncounted :]),
                "losses": losses,
                "grad_norms": norms,
                "peak_rss": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            }
        )
    )


if __name__ == "__main__":
    main()
