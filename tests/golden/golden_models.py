"""models/<case>: a random Llama as transformers saves it, an adapter as peft saves it, and what both compute."""

import json
import os

import numpy as np
import torch
from transformers import BitsAndBytesConfig, LlamaConfig, LlamaForCausalLM

import reference as ref

VOCABULARY = 96
DTYPES = (torch.float32, torch.float64)


def config(**changes):
    values = dict(
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        vocab_size=VOCABULARY,
        max_position_embeddings=128,
        rms_norm_eps=1e-5,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
        tie_word_embeddings=False,
        bos_token_id=1,
        eos_token_id=2,
    )
    return LlamaConfig(**{**values, **changes})


LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 10000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}
WIDE = dict(hidden_size=64, intermediate_size=64)  # in_features are multiples of 64, as NF4 blocks are

# case: config, lengths of its rows, and what is special
CASES = {
    "tied": (config(tie_word_embeddings=True), [13, 7, 17], dict(full=True, prompts=(2, 5))),
    "untied": (config(), [13, 7, 17], dict(full=True)),
    # head_dim 16 with these numbers: one pair of channels unchanged, two between, five slowed by the factor
    "llama3_rope": (
        config(num_attention_heads=2, num_key_value_heads=1, rope_parameters=LLAMA3, vocab_size=64),
        [81, 20],
        dict(prompts=(5, 70)),
    ),
    "biases": (config(attention_bias=True, mlp_bias=True), [13, 7, 17], {}),
    "head_dim": (config(head_dim=12), [13, 7, 17], {}),
    "packed": (config(tie_word_embeddings=True), [31, 24], dict(packed=[(9, 14, 8), (1, 20, 3)])),
    "nf4": (config(**WIDE), [13, 7, 17], dict(nf4=dict(double=False))),
    "nf4_double": (config(**WIDE, tie_word_embeddings=True), [13, 7, 17], dict(nf4=dict(double=True))),
    "bf16_sharded": (config(), [13, 7, 17], dict(dtype=torch.bfloat16, save=dict(max_shard_size="20KB"))),
    "f16": (config(tie_word_embeddings=True), [13, 7, 17], dict(dtype=torch.float16)),
}


def make(root):
    for seed, (case, (settings, lengths, special)) in enumerate(CASES.items(), start=100):
        make_case(os.path.join(root, case), case, seed, settings, lengths, **special)


def make_case(folder, case, seed, settings, lengths, dtype=None, save={}, packed=(), nf4=None, full=False, prompts=()):
    model = ref.make_model(settings, seed)
    if dtype:
        model = model.to(dtype)
    ref.save_model(model, folder, **save)
    weights = None
    if nf4:
        quantise(folder, **nf4)
        weights = flat_dequantised(folder)
    if case == "llama3_rope":
        write_legacy_config(folder)
    adapted = ref.add_adapter(ref.load_model(folder, torch.float32, weights), seed + 1000, f"models/{case}")
    ref.save_adapter(adapted, os.path.join(folder, "adapter"))

    rows = ref.make_rows(seed + 2000, lengths, settings.vocab_size, packed)
    ref.write_rows(os.path.join(folder, "rows.jsonl"), [document for row in rows for document in ref.split(row)])
    tensors, expected = {}, {"rows": rows, "rank": ref.RANK, "alpha": ref.ALPHA}
    for suffix, kind in (("", torch.float64), ("_float32", torch.float32)):
        with ref.scope(kind):
            base = ref.load_model(folder, kind, weights)
            if full and kind == torch.float64:
                tied_or_not = full_gradients(base, rows)
                ref.write_tensors(os.path.join(folder, "expected_full.safetensors"), tied_or_not)
            with torch.no_grad():
                logits, losses, targets = ref.run_rows(base, rows)
            record(tensors, expected, "base", suffix, logits, losses, targets)
            adapted = ref.load_adapter(base, os.path.join(folder, "adapter"))
            logits, losses, targets = ref.run_rows(adapted, rows)
            record(tensors, expected, "adapter", suffix, logits, losses, targets)
            if kind == torch.float64:
                gradients = ref.gradients(adapted, losses.sum())
                assert len(gradients) == 2 * 7 * settings.num_hidden_layers
                for name in (name for name in gradients if "layers.0" in name):
                    ref.check_gradient(adapted, rows, name, gradients[name])
                tensors.update({f"gradient.{ref.adapter_name(name)}": value for name, value in gradients.items()})
    if prompts:
        expected["generations"] = generations(folder, prompts, settings.vocab_size)
    ref.write_tensors(os.path.join(folder, "expected.safetensors"), tensors)
    ref.write_json(os.path.join(folder, "expected.json"), expected)


def record(tensors, expected, which, suffix, logits, losses, targets):
    expected["target_tokens"] = targets
    expected[f"{which}_loss{suffix}"] = losses.tolist()
    if not suffix:
        tensors.update({f"{which}.logits.{index}": z for index, z in enumerate(logits)})


def full_gradients(model, rows):
    _, losses, _ = ref.run_rows(model, rows)
    gradients = ref.gradients(model, losses.sum())
    for name in ("model.embed_tokens.weight", "model.norm.weight"):
        ref.check_gradient(model, rows, name, gradients[name])
    model.zero_grad()
    return {f"gradient.{name}": value for name, value in gradients.items()}


def generations(folder, lengths, vocabulary, count=20):
    """Greedy tokens without and with the adapter. Of many random prompts those whose continuations vary most are kept."""
    random = np.random.Generator(np.random.PCG64(7))
    found = []
    for length in lengths:
        prompts = [[1] + random.integers(3, vocabulary, length - 1).tolist() for _ in range(40)]
        made = {(which, dtype): greedy(folder, which, dtype, prompts, count) for which in ("base", "adapter") for dtype in DTYPES}
        usable = []
        for index, prompt in enumerate(prompts):
            tokens = {which: made[which, torch.float64][0][index] for which in ("base", "adapter")}
            same = all(made[which, torch.float32][0][index] == tokens[which] for which in tokens)
            clear = min(made[which, torch.float64][1][index] for which in tokens) > 1e-2  # the runner-up is far behind
            if same and clear and tokens["base"] != tokens["adapter"] and not any(2 in made for made in tokens.values()):
                usable.append((min(len(set(made)) for made in tokens.values()), index, {"prompt": prompt, **tokens}))
        found.append(max(usable)[2])
    return found


def greedy(folder, which, dtype, prompts, count):
    """For each prompt: the tokens, and the smallest distance between the best and the second logit."""
    with ref.scope(dtype), torch.no_grad():
        model = ref.load_model(folder, dtype)
        if which == "adapter":
            model = ref.load_adapter(model, os.path.join(folder, "adapter"))
        ids = torch.tensor(prompts)
        out = model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            do_sample=False,
            max_new_tokens=count,
            output_logits=True,
            return_dict_in_generate=True,
            pad_token_id=0,
        )
        best = torch.stack(out.logits).topk(2).values
        return out.sequences[:, ids.shape[1] :].tolist(), (best[..., 0] - best[..., 1]).min(0).values.tolist()


def write_legacy_config(folder):
    """The same config with the keys of transformers 4: rope_theta, rope_scaling, torch_dtype."""
    with open(os.path.join(folder, "config.json")) as file:
        values = json.load(file)
    rope = values.pop("rope_parameters")
    values["rope_theta"] = rope.pop("rope_theta")
    values["rope_scaling"] = rope
    values["torch_dtype"] = values.pop("dtype")
    ref.write_json(os.path.join(folder, "config_legacy.json"), values)


def quantise(folder, double):
    """Replaces a float model by its pre-quantised form, as transformers and bitsandbytes save it."""
    settings = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=double,
        bnb_4bit_compute_dtype=torch.float32,
    )
    model = LlamaForCausalLM.from_pretrained(folder, quantization_config=settings, dtype=torch.float32, device_map="cpu")
    ref.save_model(model, folder)


def flat_dequantised(folder):
    """Every weight as float32: level * absmax, by the file's own codes and tables, element i in block i / 64."""
    from safetensors.torch import load_file

    stored = load_file(os.path.join(folder, "model.safetensors"))
    weights = {}
    for name in [n for n in stored if n.endswith(".weight")]:
        state_name = f"{name}.quant_state.bitsandbytes__nf4"
        if state_name not in stored:
            weights[name] = stored[name].float()
            continue
        state = json.loads(bytes(stored[state_name].tolist()))
        absmax = stored[f"{name}.absmax"]
        if "nested_offset" in state:
            nested = stored[f"{name}.nested_absmax"].repeat_interleave(state["nested_blocksize"])[: absmax.numel()]
            absmax = stored[f"{name}.nested_quant_map"][absmax.long()] * nested + torch.tensor(state["nested_offset"])
        codes = stored[name].flatten()
        levels = stored[f"{name}.quant_map"][torch.stack((codes >> 4, codes & 15), dim=1).flatten().long()]
        scales = absmax.repeat_interleave(state["blocksize"])[: levels.numel()]
        weights[name] = (levels * scales).reshape(state["shape"])
    return weights
