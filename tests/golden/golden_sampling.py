"""sampling/sampling.json: what transformers' logits processors leave to choose from, in the order of its generate."""

import os

import torch
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM

import reference as ref

SETTINGS = [
    {},
    {"temperature": 0.7},
    {"temperature": 1.8, "top_k": 5},
    {"top_k": 1},
    {"top_k": 500},
    {"top_p": 0.9},
    {"temperature": 0.6, "top_p": 0.3},
    {"top_p": 0.001},
    {"min_p": 0.1},
    {"temperature": 2.0, "min_p": 0.4},
    {"repetition_penalty": 1.3},
    {"repetition_penalty": 0.7, "top_k": 8},
    {"repetition_penalty": 1.2, "temperature": 0.8, "top_k": 20, "top_p": 0.85, "min_p": 0.05},
]


def processors(settings):
    """The list that generate itself would make."""
    config = LlamaConfig(vocab_size=8, hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1)
    generation = GenerationConfig(do_sample=True, **{"top_k": 0, **settings})
    return LlamaForCausalLM(config)._get_logits_processor(generation, input_ids_seq_length=1, prefix_allowed_tokens_fn=None)


def make(root):
    os.makedirs(root, exist_ok=True)
    generator = torch.Generator().manual_seed(5)
    cases = []
    for kind in ("spread", "ties"):
        logits = 3 * torch.randn(60, dtype=torch.float64, generator=generator)
        if kind == "ties":
            logits = logits.round()
        text = torch.randint(0, 60, (12,), generator=generator)
        for settings in SETTINGS:
            if kind == "ties" and "top_p" in settings:
                continue  # which of several equal tokens passes is not defined
            scores = processors(settings)(text[None], logits[None].clone())[0]
            probabilities = scores.softmax(-1)
            kept = [i for i in range(60) if scores[i] > -float("inf")]
            cases.append({"settings": settings, "logits": logits.tolist(), "text": text.tolist(), "ids": kept,
                          "probabilities": [probabilities[i].item() for i in kept], "likeliest": int(scores.argmax())})
    ref.write_json(os.path.join(root, "sampling.json"), {"cases": cases})
