"""adamw8/: bitsandbytes' AdamW8bit, step by step, on vectors of two blocks and a part of one; its two 8-bit maps."""

import os

import bitsandbytes as bnb
import bitsandbytes.functional as functional
import numpy as np
import torch

import reference as ref

SIZE, STEPS = 600, 3
CASES = {
    "plain": dict(learning_rate=1e-2, betas=(0.9, 0.999), epsilon=1e-8, weight_decay=0.0),
    "decayed": dict(learning_rate=3e-3, betas=(0.8, 0.95), epsilon=1e-6, weight_decay=0.5),
}


def make(root):
    os.makedirs(root, exist_ok=True)
    for seed, (name, case) in enumerate(CASES.items(), start=8000):
        random = np.random.Generator(np.random.PCG64(seed))
        start = torch.from_numpy(random.standard_normal(SIZE)).float()
        sizes = 10.0 ** random.uniform(-1.5, 0.5, (STEPS, SIZE))
        gradients = torch.from_numpy(random.standard_normal((STEPS, SIZE)) * sizes).float()
        gradients[:, 256:512] *= 1e-5  # a block of its own scale
        gradients[:, 300] = 0
        parameter = torch.nn.Parameter(start.clone())
        optimiser = bnb.optim.AdamW8bit(
            [parameter],
            lr=case["learning_rate"],
            betas=case["betas"],
            eps=case["epsilon"],
            weight_decay=case["weight_decay"],
            min_8bit_size=1,
        )
        tensors = {"start": start, "gradients": gradients}
        for step, gradient in enumerate(gradients, start=1):
            parameter.grad = gradient.clone()
            optimiser.step()
            state = optimiser.state[parameter]
            tensors[f"{step}.values"] = parameter.data.clone()
            for moment in (1, 2):
                tensors[f"{step}.codes{moment}"] = state[f"state{moment}"].clone()
                tensors[f"{step}.absmax{moment}"] = state[f"absmax{moment}"].clone()
        ref.write_tensors(os.path.join(root, f"{name}.safetensors"), tensors)
    cases = [{"case": name, **case} for name, case in CASES.items()]
    ref.write_json(os.path.join(root, "cases.json"), {"cases": cases})
    maps = {"signed": functional.create_dynamic_map(signed=True), "unsigned": functional.create_dynamic_map(signed=False)}
    ref.write_tensors(os.path.join(root, "maps.safetensors"), maps)
