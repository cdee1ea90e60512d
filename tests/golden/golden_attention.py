"""attention/CASE.safetensors: attention as transformers computes it for Gemma 2 (scale, soft cap, sliding window, packed
sequences), and torch's gradients of it."""

import contextlib
import json
import os

import numpy as np
import torch
from safetensors.torch import save_file
from torch.nn import functional
from transformers import masking_utils
from transformers.models.gemma2 import modeling_gemma2

HEADS, KV_HEADS, HEAD_DIM = 2, 1, 8
CASES = [  # windows on both sides of 64, one longer than a document
    dict(case="plain", lengths=[70, 1, 40], window=0, softcap=0.0, scale=0.0),
    dict(case="window", lengths=[129], window=65, softcap=0.0, scale=0.0),
    dict(case="softcap", lengths=[33, 50], window=0, softcap=2.0, scale=0.0),
    dict(case="everything", lengths=[90, 20], window=30, softcap=1.5, scale=0.75),
]


@contextlib.contextmanager
def softmax_in_float64():
    """transformers' eager attention asks for a float32 softmax whatever it is given."""
    theirs = functional.softmax
    functional.softmax = lambda x, dim, dtype: theirs(x, dim=dim, dtype=torch.float64)
    try:
        yield
    finally:
        functional.softmax = theirs


def mask(lengths, window):
    tokens = sum(lengths)
    document = torch.repeat_interleave(torch.arange(len(lengths)), torch.tensor(lengths))[None]
    sees = masking_utils.causal_mask_function
    if window:
        sees = masking_utils.sliding_window_causal_mask_function(window)
    sees = masking_utils.and_masks(sees, masking_utils.packed_sequence_mask_function(document))
    return masking_utils.eager_mask(
        batch_size=1, q_length=tokens, kv_length=tokens, mask_function=sees, dtype=torch.float64
    )


def computed(case, q, k, v, dout):
    module = torch.nn.Module()
    module.num_key_value_groups, module.head_dim = HEADS // KV_HEADS, HEAD_DIM
    rows = {"q": q, "k": k, "v": v}
    leaves = {name: x.double().requires_grad_() for name, x in rows.items()}
    heads = [x.view(1, len(q), -1, HEAD_DIM).transpose(1, 2) for x in leaves.values()]
    with softmax_in_float64():
        output, _ = modeling_gemma2.eager_attention_forward(
            module,
            *heads,
            mask(case["lengths"], case["window"]),
            scaling=case["scale"] or None,
            softcap=case["softcap"] or None,
        )
    o = output.reshape(len(q), HEADS * HEAD_DIM)
    gradients = torch.autograd.grad(o, list(leaves.values()), dout.double())
    return {"o": o.detach(), **{f"d{name}": g for name, g in zip(leaves, gradients)}}


def make(root):
    os.makedirs(root, exist_ok=True)
    for seed, case in enumerate(CASES, start=7000):
        random = np.random.Generator(np.random.PCG64(seed))

        def rows(heads):  # exact in bfloat16
            return torch.from_numpy(random.standard_normal((sum(case["lengths"]), heads * HEAD_DIM))).bfloat16()

        q, k, v, dout = rows(HEADS), rows(KV_HEADS), rows(KV_HEADS), rows(HEADS)
        results = {name: x.float().contiguous() for name, x in computed(case, q, k, v, dout).items()}
        file = os.path.join(root, case["case"] + ".safetensors")
        save_file({"q": q, "k": k, "v": v, "dout": dout, **results}, file)
    with open(os.path.join(root, "cases.json"), "w") as file:
        json.dump({"heads": HEADS, "kv_heads": KV_HEADS, "head_dim": HEAD_DIM, "cases": CASES}, file, indent=1)
        file.write("\n")
