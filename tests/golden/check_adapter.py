"""Loads an adapter that hone wrote into PEFT, on the base as hone holds it (dequantised), and compares.

    hone train RECIPE && hone merge RECIPE --out BASE
    hone eval RECIPE --adapter ADAPTER --logits LOGITS
    venv/bin/python tests/golden/check_adapter.py BASE ADAPTER LOGITS ROWS

Needs torch 2.15.0, transformers 5.23.0 and peft 0.21.2 (make_golden.py says how). ROWS: JSON lines of `prompt` and `completion`,
in the order of the recipe's evaluation. Prints the largest difference of a logit between PEFT and hone, both in float32, and fails
above 1e-4. For scale it prints how far PEFT's own float32 logits are from its float64 ones.
"""

import json
import sys

import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast


def main(base, adapter, logits_file, rows):
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=base + "/tokenizer.json")
    end = json.load(open(base + "/config.json"))["eos_token_id"]

    def tuned(dtype):
        return PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base, dtype=dtype), adapter, autocast_adapter_dtype=False).to(dtype).eval()

    single, double = tuned(torch.float32), tuned(torch.float64)
    own = load_file(logits_file)
    worst = rounding = exact = largest = 0.0
    texts = [json.loads(line) for line in open(rows)]
    assert len(texts) == len(own), (len(texts), len(own))
    with torch.no_grad():
        for i, text in enumerate(texts):
            ids = tokenizer.encode(text["prompt"], add_special_tokens=False) + tokenizer.encode(text["completion"], add_special_tokens=False) + [end]
            logits, reference = single(torch.tensor([ids])).logits[0], double(torch.tensor([ids])).logits[0]
            worst = max(worst, (logits - own[str(i)]).abs().max().item())
            rounding = max(rounding, (logits - reference).abs().max().item())
            exact = max(exact, (own[str(i)] - reference).abs().max().item())
            largest = max(largest, logits.abs().max().item())
    print(f"{len(texts)} rows, logits up to {largest:.1f}: hone and PEFT differ by at most {worst:.3g} (from float64: PEFT {rounding:.3g}, hone {exact:.3g})")
    return worst < 1e-4


if __name__ == "__main__":
    sys.exit(0 if main(*sys.argv[1:]) else 1)
