"""Loads the cached base that `hone train` kept into transformers with bitsandbytes, and compares it with the model it was made from.

    hone train RECIPE                                        # keeps runs/base-cache/NAME-nf4-double-…
    venv/bin/python tests/golden/check_cache.py MODEL runs/base-cache/NAME-nf4-double-…

Needs torch 2.15.0, transformers 5.23.0, bitsandbytes 0.50.2 and safetensors (make_golden.py says how). Every linear layer must arrive as a
4-bit layer; its codes and first-level scales must be those that bitsandbytes itself quantises from MODEL (nested scales: within one
step of the 8-bit map, formats differ in the search); every other tensor must be MODEL's. Blocks of zeros are excepted, whose code differs between
bitsandbytes' CPU and CUDA libraries.
"""

import sys

import bitsandbytes
import torch
from bitsandbytes.functional import dequantize_blockwise, quantize_4bit
from transformers import AutoModelForCausalLM


def main(source, cache):
    plain = AutoModelForCausalLM.from_pretrained(source, dtype="auto")
    ours = AutoModelForCausalLM.from_pretrained(cache, device_map="cpu")
    layers = codes = 0
    worst = 0.0
    for name, module in plain.named_modules():
        if not isinstance(module, torch.nn.Linear) or name == "lm_head":
            continue
        loaded = ours.get_submodule(name)
        assert isinstance(loaded, bitsandbytes.nn.Linear4bit), f"{name} arrived as {type(loaded)}"
        theirs, state = quantize_4bit(module.weight.data, quant_type="nf4", compress_statistics=False)
        mine = loaded.weight.quant_state
        assert tuple(mine.shape) == tuple(module.weight.shape) and mine.blocksize == 64, name
        absmax = mine.absmax
        if mine.nested:
            absmax = dequantize_blockwise(mine.absmax, mine.state2) + mine.offset
            step = (absmax - state.absmax).abs().max().item() / max(mine.state2.absmax.max().item(), 1e-30)
            worst = max(worst, step)
            assert step < 0.01, f"{name}: nested scales are off by {step}"
        else:
            assert torch.equal(absmax, state.absmax), f"{name}: absmax"
        left, right = loaded.weight.data.view(torch.uint8).flatten(), theirs.flatten()
        blocks = torch.arange(left.numel()) // 32
        counts = state.absmax.flatten()[blocks] != 0
        assert torch.equal(left[counts], right[counts]), f"{name}: codes"
        layers, codes = layers + 1, codes + left.numel()
    quantised = {name + ".weight" for name, module in plain.named_modules() if isinstance(module, torch.nn.Linear) and name != "lm_head"}
    for name, value in plain.state_dict().items():
        if name not in quantised:
            assert torch.equal(ours.state_dict()[name].float(), value.float()), name
    print(f"{layers} layers, {codes} bytes of codes equal to bitsandbytes'; nested scales within {worst:.4f} of their block's largest")
    return layers > 0


if __name__ == "__main__":
    sys.exit(0 if main(*sys.argv[1:]) else 1)
