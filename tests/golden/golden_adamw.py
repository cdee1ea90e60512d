"""adamw/steps.json: torch.optim.AdamW in float64 on one vector, several settings."""

import json
import os

import numpy as np
import torch

SIZE, STEPS = 37, 6  # no multiple of any vector width
CASES = [
    dict(learning_rate=1e-2, betas=[0.9, 0.999], epsilon=1e-8, weight_decay=0.0),
    dict(learning_rate=1e-2, betas=[0.9, 0.999], epsilon=1e-8, weight_decay=0.1),
    dict(learning_rate=3e-3, betas=[0.8, 0.95], epsilon=1e-3, weight_decay=0.5),
    dict(learning_rate=1e-2, betas=[0.0, 0.5], epsilon=1e-10, weight_decay=0.01),
]


def make(root):
    os.makedirs(root, exist_ok=True)
    cases = []
    for seed, case in enumerate(CASES, start=5000):
        random = np.random.Generator(np.random.PCG64(seed))
        start = np.round(random.standard_normal(SIZE) * 256) / 256  # exact in float32 too, as are the gradients
        sizes = 4.0 ** random.integers(-3, 3, (STEPS, SIZE))
        gradients = np.round(random.standard_normal((STEPS, SIZE)) * sizes * 256) / 256
        gradients[:, 0] = 0  # an element that only decays
        parameter = torch.nn.Parameter(torch.from_numpy(start.copy()))
        optimiser = torch.optim.AdamW(
            [parameter],
            lr=case["learning_rate"],
            betas=tuple(case["betas"]),
            eps=case["epsilon"],
            weight_decay=case["weight_decay"],
        )
        values = []
        for gradient in gradients:
            parameter.grad = torch.from_numpy(gradient.copy())
            optimiser.step()
            values.append(parameter.data.tolist())
        state = optimiser.state[parameter]
        cases.append(
            {
                **case,
                "start": start.tolist(),
                "gradients": gradients.tolist(),
                "values": values,  # after each step
                "first_moment": state["exp_avg"].tolist(),  # after the last
                "second_moment": state["exp_avg_sq"].tolist(),
            }
        )
    with open(os.path.join(root, "steps.json"), "w") as file:
        json.dump({"cases": cases}, file)
        file.write("\n")
