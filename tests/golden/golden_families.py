"""families/<case>: small random models of every family as transformers saves them, adapters on all their linear layers as
peft saves them, and what both compute. Laid out like models/<case>.

A document is run by itself and with rotary embeddings that have seen nothing else: what `dynamic` ones remember of longer
texts is not part of what a text means.
"""

import contextlib
import importlib
import json
import os

import numpy as np
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    BitsAndBytesConfig,
    Gemma2Config,
    Gemma3Config,
    Gemma3TextConfig,
    LlamaConfig,
    MistralConfig,
    Olmo2Config,
    Phi3Config,
    Qwen2Config,
    Qwen3Config,
    modeling_rope_utils,
)

import reference as ref
from golden_models import flat_dequantised, record

RANK, ALPHA, VOCABULARY = 2, 4, 48
DTYPES = (torch.float32, torch.float64)
FAMILIES = ("llama", "mistral", "qwen2", "qwen3", "gemma2", "gemma3", "phi3", "olmo2")
TEXT_LINEARS = r"model\.language_model\.layers\.\d+\.(self_attn|mlp)\.\w+_proj"


def sizes(**changes):
    values = dict(
        vocab_size=VOCABULARY,
        hidden_size=32,
        intermediate_size=40,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=128,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
    )
    return {**values, **changes}


def rope(kind, theta=10000.0, **changes):
    return {"rope_parameters": {"rope_type": kind, "rope_theta": theta, **changes}}


WIDE = dict(hidden_size=64, intermediate_size=64, num_hidden_layers=1)  # in_features are multiples of 64, as NF4 blocks are
SOFT = dict(head_dim=12, query_pre_attn_scalar=20, sliding_window=7)
YARN = dict(factor=4.0, original_max_position_embeddings=16)
FACTORS = dict(
    short_factor=[1.0, 1.1, 1.25, 1.5, 1.8, 2.1], long_factor=[1.0, 1.5, 2.5, 4.0, 6.5, 9.0], original_max_position_embeddings=24
)


def multimodal():
    text = dict(sizes(num_hidden_layers=3, **SOFT), sliding_window_pattern=2)
    vision = dict(hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, image_size=28, patch_size=14)
    return Gemma3Config(text_config=text, vision_config=vision, mm_tokens_per_image=4, boi_token_index=40, eoi_token_index=41, image_token_index=42, bos_token_id=1, eos_token_id=[2, 5])


# case: configuration, lengths of its rows, and what is special
CASES = {
    "llama_linear": (LlamaConfig(**sizes(mlp_bias=True, hidden_act="gelu_pytorch_tanh", **rope("linear", factor=3.0))), [13, 25], dict(legacy=True)),
    "llama_dynamic": (LlamaConfig(**sizes(max_position_embeddings=24, **rope("dynamic", factor=2.0))), [20, 40, 24, 29], dict(prompts=(5, 20, 30))),
    "llama_yarn": (LlamaConfig(**sizes(**rope("yarn", **YARN))), [40, 15], {}),
    "llama_yarn_mscale": (
        LlamaConfig(**sizes(**rope("yarn", **YARN, mscale=0.8, mscale_all_dim=1.3, beta_fast=20.0, beta_slow=0.5, truncate=False))),
        [40, 15],
        {},
    ),
    "mistral_window": (MistralConfig(**sizes(head_dim=12, sliding_window=7)), [31, 24], dict(packed=[(9, 20, 2), (1, 20, 3)], prompts=(4, 15))),
    "qwen2_windows": (
        Qwen2Config(**sizes(num_hidden_layers=3, use_sliding_window=True, sliding_window=9, max_window_layers=1, tie_word_embeddings=True)),
        [31, 24],
        dict(packed=[(9, 20, 2), (1, 20, 3)]),
    ),
    "qwen2_yarn": (Qwen2Config(**sizes(**rope("yarn", 1e6, **YARN, attention_factor=1.3))), [31, 24], {}),
    "qwen3": (Qwen3Config(**sizes(head_dim=24, num_key_value_heads=2)), [31, 24], dict(packed=[(9, 20, 2), (1, 20, 3)], prompts=(4, 15))),
    "qwen3_layer_types": (
        Qwen3Config(
            **sizes(
                num_hidden_layers=3,
                head_dim=12,
                attention_bias=True,
                use_sliding_window=True,
                sliding_window=6,
                layer_types=["sliding_attention", "full_attention", "sliding_attention"],
            )
        ),
        [31, 24],
        {},
    ),
    "gemma2": (
        Gemma2Config(**sizes(num_hidden_layers=3, **SOFT, attn_logit_softcapping=4.0, final_logit_softcapping=3.0)),
        [31, 24],
        dict(packed=[(9, 20, 2), (1, 20, 3)], prompts=(4, 15)),
    ),
    "gemma2_uncapped": (Gemma2Config(**sizes(**SOFT, attn_logit_softcapping=None, final_logit_softcapping=None, tie_word_embeddings=False)), [25], {}),
    "gemma3": (
        Gemma3TextConfig(
            **sizes(num_hidden_layers=3, **SOFT, final_logit_softcapping=5.0),
            layer_types=["sliding_attention", "full_attention", "sliding_attention"],
            rope_parameters={
                "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1e6},
                "sliding_attention": {"rope_type": "default", "rope_theta": 1e4},
            },
        ),
        [31, 24],
        dict(packed=[(9, 20, 2), (1, 20, 3)], prompts=(4, 15)),
    ),
    "gemma3_legacy": (
        Gemma3TextConfig(**sizes(num_hidden_layers=3, **SOFT), sliding_window_pattern=3, rope_scaling={"rope_type": "linear", "factor": 4.0}, rope_theta=5e5, rope_local_base_freq=2e4),
        [24],
        dict(legacy=True),
    ),
    "gemma3_multimodal": (multimodal(), [24], {}),
    "gemma3_multimodal_renamed": (multimodal(), [24], dict(renamed=True)),
    "phi3": (Phi3Config(**sizes(sliding_window=9)), [31, 24], dict(packed=[(9, 20, 2), (1, 20, 3)], prompts=(4, 15))),
    "phi3_longrope": (
        Phi3Config(**sizes(sliding_window=None, original_max_position_embeddings=24, max_position_embeddings=96, **rope("longrope", partial_rotary_factor=0.75, **FACTORS))),
        [21, 38, 24],
        dict(prompts=(5, 20, 30)),
    ),
    "phi3_partial": (Phi3Config(**sizes(num_key_value_heads=2, tie_word_embeddings=True, partial_rotary_factor=0.5)), [25], dict(legacy=True)),
    "olmo2": (Olmo2Config(**sizes()), [31, 24], dict(packed=[(9, 20, 2), (1, 20, 3)], prompts=(4, 15))),
    "qwen2_nf4": (Qwen2Config(**sizes(**WIDE)), [20], dict(nf4=True)),
    "gemma2_nf4": (Gemma2Config(**sizes(**{**WIDE, **SOFT, "head_dim": 32})), [20], dict(nf4=True)),
    "gemma3_nf4": (Gemma3TextConfig(**sizes(**{**WIDE, **SOFT, "head_dim": 32})), [20], dict(nf4=True)),
    "phi3_nf4": (Phi3Config(**sizes(**WIDE)), [20], dict(nf4=True)),
    "olmo2_nf4": (Olmo2Config(**sizes(**WIDE)), [20], dict(nf4=True)),
}


def make(root):
    for seed, (case, (settings, lengths, special)) in enumerate(CASES.items(), start=300):
        make_case(os.path.join(root, case), case, seed, settings, lengths, **special)


class Wide:
    """torch, whose float32 is float64."""

    def __getattr__(self, name):
        return torch.float64 if name in ("float", "float32") else getattr(torch, name)


@contextlib.contextmanager
def in_float64():
    """Within it transformers' own code computes in float64 what it would in float32: norms, angles, softmax."""
    default = torch.get_default_dtype()
    modules = [modeling_rope_utils] + [importlib.import_module(f"transformers.models.{name}.modeling_{name}") for name in FAMILIES]
    single = torch.Tensor.float
    for module in modules:
        module.torch = Wide()
    torch.Tensor.float = torch.Tensor.double
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.Tensor.float = single
        torch.set_default_dtype(default)
        for module in modules:
            module.torch = torch


def scope(dtype):
    return in_float64() if dtype == torch.float64 else contextlib.nullcontext()


def make_case(folder, case, seed, settings, lengths, packed=(), prompts=(), nf4=False, legacy=False, renamed=False):
    model = make_model(settings, seed)
    ref.save_model(model, folder)
    weights = None
    if nf4:
        quantise(folder)
        weights = stored_weights(folder)
    if legacy:
        write_legacy_config(folder)
    if renamed:
        rename(folder)
    adapted = add_adapter(load_model(folder, torch.float32, weights), seed + 1000, f"families/{case}")
    ref.save_adapter(adapted, os.path.join(folder, "adapter"))

    rows = ref.make_rows(seed + 2000, lengths, VOCABULARY, packed)
    tensors, expected = {}, {"rows": rows, "rank": RANK, "alpha": ALPHA}
    with scope(torch.float64):
        base = load_model(folder, torch.float64, weights)
        with torch.no_grad():
            record(tensors, expected, "base", "", *run_rows(base, rows))
        adapted = load_adapter(base, folder)
        logits, losses, targets = run_rows(adapted, rows)
        record(tensors, expected, "adapter", "", logits, losses, targets)
        gradients = ref.gradients(adapted, losses.sum())
        assert len(gradients) == 2 * len([name for name in gradients if "lora_A" in name])
        tensors.update({f"gradient.{ref.adapter_name(name)}": value for name, value in gradients.items()})
    if prompts:
        expected["generations"] = generations(folder, prompts)
    ref.write_tensors(os.path.join(folder, "expected.safetensors"), tensors)
    ref.write_json(os.path.join(folder, "expected.json"), expected)


def make_model(settings, seed):
    """Random weights that are far from any initialisation: norms not one (or stored as not zero), biases not zero."""
    model = AutoModelForCausalLM.from_config(settings)
    random = np.random.Generator(np.random.PCG64(seed))
    less_one = settings.model_type.startswith("gemma")
    for name, parameter in model.named_parameters():
        values = random.standard_normal(tuple(parameter.shape))
        if name.endswith("bias"):
            values *= 0.3
        elif parameter.dim() == 1:
            values = (0 if less_one else 1) + 0.2 * values
        elif "embed_tokens" in name or "lm_head" in name:
            values *= 0.3
        else:
            values *= 1.4 / parameter[0].numel() ** 0.5
        parameter.data.copy_(torch.from_numpy(values))
    return model


def add_adapter(model, seed, name):
    """LoRA on every linear layer of the text model's blocks, A and B both random."""
    lora = LoraConfig(r=RANK, lora_alpha=ALPHA, lora_dropout=0.0, target_modules=TEXT_LINEARS, task_type="CAUSAL_LM")
    if not is_multimodal(model):
        lora.target_modules = "all-linear"
    model = get_peft_model(model, lora)
    random = np.random.Generator(np.random.PCG64(seed))
    for key, parameter in model.named_parameters():
        if "lora_A" in key:
            parameter.data.copy_(torch.from_numpy(random.standard_normal(tuple(parameter.shape)) / parameter.shape[1] ** 0.5))
        elif "lora_B" in key:
            parameter.data.copy_(torch.from_numpy(0.1 * random.standard_normal(tuple(parameter.shape))))
    if is_multimodal(model):
        assert not any("vision" in key for key, _ in model.named_parameters() if "lora" in key)
    model.peft_config["default"].base_model_name_or_path = name
    return model


def is_multimodal(model):
    return model.config.model_type == "gemma3"


def load_model(folder, dtype, weights=None):
    """The model as its files say, weights (name: float32 tensor) replacing what the files hold where given."""
    default = torch.get_default_dtype()
    torch.set_default_dtype(torch.float32)  # the embedding's scale stays a float32's
    if weights is None:
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
    else:
        config = AutoConfig.from_pretrained(folder)
        del config.quantization_config
        model = AutoModelForCausalLM.from_config(config, attn_implementation="eager")
        assert set(weights) == {name for name, _ in model.named_parameters()}
        for name, parameter in model.named_parameters():
            parameter.data.copy_(weights[name])
    torch.set_default_dtype(default)
    return model.to(dtype).eval()


def load_adapter(model, folder):
    dtype = next(model.parameters()).dtype
    return PeftModel.from_pretrained(model, os.path.join(folder, "adapter"), is_trainable=True).to(dtype).eval()


def forget_lengths(model):
    """Rotary embeddings as they are at first, with frequencies of the scope's precision."""
    for module in list(model.modules()):
        if hasattr(module, "rotary_emb"):
            module.rotary_emb = type(module.rotary_emb)(module.rotary_emb.config)


def run_rows(model, rows):
    logits, losses, targets = [], [], []
    for row in rows:
        parts, loss, count = [], 0.0, 0
        for begin, end in ref.documents(row):
            forget_lengths(model)
            ids, labels = torch.tensor(row["input_ids"][begin:end]), torch.tensor(row["labels"][begin:end])
            z = model(input_ids=ids[None], use_cache=False).logits[0]
            parts.append(z)
            loss = loss + torch.nn.functional.cross_entropy(z[:-1], labels[1:], ignore_index=-100, reduction="sum")
            count += int((labels[1:] != -100).sum())
        logits.append(torch.cat(parts)), losses.append(loss), targets.append(count)
    return logits, torch.stack(losses), targets


def generations(folder, lengths, count=12):
    """Greedy tokens without and with the adapter. Of many random prompts those whose continuations vary most are kept."""
    random = np.random.Generator(np.random.PCG64(7))
    found = []
    for length in lengths:
        usable = []
        for index in range(24):
            prompt = [1] + random.integers(3, VOCABULARY, length - 1).tolist()
            made = {which: [greedy(folder, which, dtype, prompt, count) for dtype in DTYPES] for which in ("base", "adapter")}
            same = all(single[0] == double[0] for single, double in made.values())
            clear = min(double[1] for _, double in made.values()) > 1e-2  # the runner-up is far behind
            tokens = {which: double[0] for which, (_, double) in made.items()}
            if same and clear and not any(2 in one for one in tokens.values()):
                usable.append((min(len(set(one)) for one in tokens.values()), index, {"prompt": prompt, **tokens}))
            if len(usable) >= 6:
                break
        found.append(max(usable)[2])
    return found


loaded = {}


def greedy(folder, which, dtype, prompt, count):
    """The tokens, and the smallest distance between the best and the second logit."""
    with scope(dtype), torch.no_grad():
        if (folder, which, dtype) not in loaded:
            model = load_model(folder, dtype)
            loaded[folder, which, dtype] = load_adapter(model, folder) if which == "adapter" else model
        model = loaded[folder, which, dtype]
        forget_lengths(model)
        ids = torch.tensor([prompt])
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
        return out.sequences[0, len(prompt) :].tolist(), (best[..., 0] - best[..., 1]).min().item()


def quantise(folder):
    """Replaces a float model by its pre-quantised form, as transformers and bitsandbytes save it."""
    settings = BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=torch.float32
    )
    model = AutoModelForCausalLM.from_pretrained(folder, quantization_config=settings, dtype=torch.float32, device_map="cpu")
    ref.save_model(model, folder)


def stored_weights(folder):
    """Of a pre-quantised model, as float32."""
    stored = load_file(os.path.join(folder, "model.safetensors"))
    biases = {name: value for name, value in stored.items() if name.endswith(".bias")}
    return {**flat_dequantised(folder), **biases}


def write_legacy_config(folder):
    """The config with the keys of transformers 4 in place of rope_parameters, dtype and layer_types."""
    path = os.path.join(folder, "config.json")
    with open(path) as file:
        values = json.load(file)
    found = values.pop("rope_parameters")
    if "full_attention" in found:
        values["rope_theta"] = found["full_attention"].pop("rope_theta")
        values["rope_local_base_freq"] = found["sliding_attention"]["rope_theta"]
        values["sliding_window_pattern"] = values.pop("_sliding_window_pattern")
        del values["layer_types"]
        values["rope_scaling"] = found["full_attention"]
    else:
        values["rope_theta"] = found.pop("rope_theta")
        if "partial_rotary_factor" in found:
            values["partial_rotary_factor"] = found.pop("partial_rotary_factor")
        kind = found.pop("rope_type")
        values["rope_scaling"] = None if kind == "default" else {"type": kind, **found}
    values["torch_dtype"] = values.pop("dtype")
    ref.write_json(path, values)


def rename(folder):
    """The other names that multimodal files have had: those of the modules, or those published first."""
    path = os.path.join(folder, "model.safetensors")
    tensors = load_file(path)
    first = any(name.startswith("language_model.") for name in tensors)

    def other(name):
        if name.endswith("lm_head.weight"):
            return "lm_head.weight" if first else "language_model.lm_head.weight"
        if first:
            return "model." + name.replace("language_model.model.", "language_model.")
        return name.replace("model.language_model.", "language_model.model.").removeprefix("model.")

    save_file({other(name): value for name, value in tensors.items()}, path, {"format": "pt"})
