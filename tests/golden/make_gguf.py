"""Adapters as llama.cpp's own Python package writes them, for tests/checkpoints/formats/gguf_test.cpp.

    venv/bin/pip install gguf==0.19.0 safetensors==0.8.0 numpy==2.4.6
    venv/bin/python tests/golden/make_gguf.py                              # writes tests/golden/gguf
    venv/bin/python tests/golden/make_gguf.py --check FILE ADAPTER MODEL   # reads a file that hone wrote

Tensors' names are those of the package's own map, the file is written by its GGUFWriter. --check undoes what stands in the way of
comparing (order of rows of q and k) and holds alpha / rank * B A, what llama.cpp adds, against PEFT's scale * B A.
"""
import json
import math
import re
import sys
from pathlib import Path

import gguf
import numpy as np
from safetensors.numpy import load_file

HERE = Path(__file__).parent
HEADS, KV_HEADS = 4, 2  # of the adapters in tests/golden/checkpoints
PREFIX = "base_model.model."


def turned(rows, heads):
    """Rows of q and k as llama.cpp's conversion of Llama models orders them: halves of a head become pairs."""
    return rows.reshape(heads, 2, rows.shape[0] // heads // 2, *rows.shape[1:]).swapaxes(1, 2).reshape(rows.shape)


def turned_back(rows, heads):
    return rows.reshape(heads, rows.shape[0] // heads // 2, 2, *rows.shape[1:]).swapaxes(1, 2).reshape(rows.shape)


def pattern(patterns, module, otherwise):
    for key, value in patterns.items():
        if re.match(rf"(.*\.)?({key})$", module):
            return value
    return otherwise


def pairs(folder):
    """(module, A, B, scale as PEFT has it)"""
    config = json.load(open(folder / "adapter_config.json"))
    tensors = load_file(folder / "adapter_model.safetensors")
    for name in sorted(tensors):
        if not name.endswith(".lora_A.weight"):
            continue
        module = name[len(PREFIX):-len(".lora_A.weight")]
        a, b = tensors[name], tensors[name.replace("lora_A", "lora_B")]
        rank = pattern(config["rank_pattern"], module, config["r"])
        alpha = pattern(config["alpha_pattern"], module, config["lora_alpha"])
        assert a.shape[0] == rank
        yield module, a, b, alpha / (math.sqrt(rank) if config["use_rslora"] else rank)


def alpha_of(folder):
    config = json.load(open(folder / "adapter_config.json"))
    return config["lora_alpha"] * (math.sqrt(config["r"]) if config["use_rslora"] else 1)


def write(target, folder, arch, dtype):
    architecture = gguf.MODEL_ARCH_NAMES[arch]
    names = gguf.get_tensor_name_map(arch, 2)
    alpha = alpha_of(folder)
    writer = gguf.GGUFWriter(target, architecture)
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
    writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, alpha)
    for module, a, b, scale in pairs(folder):
        name = names.get_name(module + ".weight", try_suffixes=(".weight",))
        factor = scale * a.shape[0] / float(np.float32(alpha))
        if abs(factor - 1) > 1e-6:
            b = (factor * b.astype(np.float64)).astype(np.float32)
        if architecture == "llama" and ("q_proj" in module or "k_proj" in module):
            b = turned(b, HEADS if "q_proj" in module else KV_HEADS)
        writer.add_tensor(name + ".lora_a", a.astype(dtype))
        writer.add_tensor(name + ".lora_b", b.astype(dtype))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def check(file, folder, model):
    config = json.load(open(Path(model) / "config.json"))
    reader = gguf.GGUFReader(file)
    settings = {key: field.contents() for key, field in reader.fields.items()}
    assert settings["general.type"] == "adapter" and settings["adapter.type"] == "lora", settings
    alpha, architecture = settings["adapter.lora.alpha"], settings["general.architecture"]
    arch = {name: arch for arch, name in gguf.MODEL_ARCH_NAMES.items()}[architecture]
    names = gguf.get_tensor_name_map(arch, config["num_hidden_layers"])
    tensors = {tensor.name: tensor.data.astype(np.float64) for tensor in reader.tensors}
    modules, worst = 0, 0.0
    for module, a, b, scale in pairs(Path(folder)):
        name = names.get_name(module + ".weight", try_suffixes=(".weight",))
        theirs_a, theirs_b = tensors.pop(name + ".lora_a"), tensors.pop(name + ".lora_b")
        added = alpha / theirs_b.shape[1] * theirs_b @ theirs_a
        if architecture == "llama" and ("q_proj" in module or "k_proj" in module):
            heads = config["num_attention_heads"] if "q_proj" in module else config["num_key_value_heads"]
            added = turned_back(added, heads)
        wanted = scale * b.astype(np.float64) @ a.astype(np.float64)
        worst = max(worst, np.abs(added - wanted).max() / max(np.abs(wanted).max(), 1e-30))
        modules += 1
    assert not tensors, sorted(tensors)
    print(f"{file}: {architecture}, alpha {alpha}, {modules} modules, what is added differs from PEFT's by at most {worst:.2g} of its largest")
    return worst < (1e-3 if any(t.tensor_type == gguf.GGMLQuantizationType.F16 for t in reader.tensors) else 1e-6)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--check"]:
        sys.exit(0 if check(*sys.argv[2:]) else 1)
    (HERE / "gguf").mkdir(exist_ok=True)
    write(HERE / "gguf/llama_f32.gguf", HERE / "checkpoints/adapter", gguf.MODEL_ARCH.LLAMA, np.float32)
    write(HERE / "gguf/llama_patterns_f32.gguf", HERE / "checkpoints/adapter_patterns", gguf.MODEL_ARCH.LLAMA, np.float32)
    write(HERE / "gguf/qwen2_f16.gguf", HERE / "checkpoints/adapter", gguf.MODEL_ARCH.QWEN2, np.float16)
