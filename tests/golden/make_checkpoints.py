"""Checkpoints as the Python libraries write them, for tests/checkpoints. Run by hand; the outputs are committed.

    python tests/golden/make_checkpoints.py            # writes tests/golden/checkpoints
    python tests/golden/make_checkpoints.py --check D  # loads what our writers wrote into D with peft and transformers

Versions: torch 2.15, transformers 5.23, peft 0.21.2, bitsandbytes 0.50.2, safetensors 0.8, numpy 2.4.
D is made by the test program: HONE_KEEP_CHECKPOINTS=D build/cpu/tests/checkpoints_test --gtest_filter='Interchange.*'
"""
import hashlib
import json
import shutil
import sys
from pathlib import Path

import bitsandbytes.functional as bnb
import numpy as np
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save, save_file
from transformers import AutoModelForCausalLM, BitsAndBytesConfig, LlamaConfig, LlamaForCausalLM

OUT = Path(__file__).parent / "checkpoints"
SMALL = dict(hidden_size=32, intermediate_size=48)  # the sharded model
FINITE = "finite values of all 65536 bit patterns in ascending order, as float32 little-endian"


def tiny(**changes):
    torch.manual_seed(11)
    settings = dict(vocab_size=32, hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
                    num_key_value_heads=2, max_position_embeddings=64, tie_word_embeddings=False)
    return LlamaForCausalLM(LlamaConfig(**{**settings, **changes}))


def sha(array):
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def dtypes():
    """One file with every element type that torch has, a scalar, an empty tensor; bytes 0, 1, 2 … in each."""
    kinds = ["bool", "uint8", "int8", "float8_e5m2", "float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2fnuz",
             "float8_e8m0fnu", "int16", "uint16", "float16", "bfloat16", "int32", "uint32", "float32", "complex64",
             "float64", "int64", "uint64"]
    tensors = {}
    for kind in kinds:
        dtype = getattr(torch, kind)
        size = torch.empty(0, dtype=dtype).element_size()
        raw = torch.arange(6 * size, dtype=torch.uint8)
        tensors["z_" + kind if len(kind) % 2 else "a_" + kind] = (
            (raw % 2).bool().reshape(2, 3) if kind == "bool" else raw.view(dtype).reshape(2, 3))
    tensors["scalar"] = torch.tensor(1.5)
    tensors["empty"] = torch.zeros(0, 5)
    tensors['name with "quotes", \\ and \u00e9\u4e2d'] = torch.zeros(1, dtype=torch.uint8)
    save_file(tensors, OUT / "dtypes.safetensors", metadata={"format": "pt"})
    (OUT / "no_metadata.safetensors").write_bytes(save({"x": torch.arange(3, dtype=torch.int32)}))


def conversions():
    patterns = np.arange(65536, dtype=np.uint16)
    half = patterns.view(np.float16).astype(np.float32)
    bfloat = (patterns.astype(np.uint32) << 16).view(np.float32)
    assert np.array_equal(torch.from_numpy(patterns.view(np.int16)).view(torch.bfloat16).float().numpy(), bfloat,
                          equal_nan=True)
    wide = np.array([0.1, 1 / 3, 1 + 2**-24, 1 + 2**-24 + 2**-40, 1 + 3 * 2**-24, 1e-45, 1e-46, 3.4028234e38, -2.5e-40])
    narrow = np.array([1.0, 1 + 2**-8, 1 + 3 * 2**-8, 1 + 2**-8 + 2**-16, -0.1, 3e38, 1e-40, -0.0], dtype=np.float32)
    return {
        "F16": {"what": FINITE, "sha256": sha(half[np.isfinite(half)])},
        "BF16": {"what": FINITE, "sha256": sha(bfloat[np.isfinite(bfloat)])},
        "F64": {"values": [float(v).hex() for v in wide], "float32_bits": wide.astype(np.float32).view(np.uint32).tolist()},
        "to_BF16": {"float32_bits": narrow.view(np.uint32).tolist(),
                    "bits": (torch.from_numpy(narrow).bfloat16().view(torch.int16).numpy().astype(int) & 65535).tolist()},
    }


def quantised(name, **settings):
    """A tiny model quantised by bitsandbytes and saved by transformers; what the library's own state says about it."""
    plain = OUT / "plain"
    tiny(num_hidden_layers=1).save_pretrained(plain)
    config = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", **settings)
    model = AutoModelForCausalLM.from_pretrained(plain, quantization_config=config, dtype=torch.float32)
    model.save_pretrained(OUT / name)
    shutil.rmtree(plain)
    expected = {}
    for module, layer in model.named_modules():
        if type(layer).__name__ != "Linear4bit":
            continue
        state = layer.weight.quant_state
        absmax = state.absmax
        if state.nested:
            absmax = bnb.dequantize_blockwise(state.absmax, state.state2) + state.offset
        expected[module + ".weight"] = {
            "shape": list(state.shape), "nested": bool(state.nested),
            "codes_sha256": sha(layer.weight.data.contiguous().view(torch.uint8).numpy()),
            "absmax_bits": absmax.float().numpy().view(np.uint32).tolist(),
        }
    (OUT / name / "generation_config.json").unlink(missing_ok=True)
    return expected


def adapter(name, **settings):
    """A PEFT adapter with random A and B on a tiny model; the scale of each module as PEFT computes it."""
    model = get_peft_model(tiny(), LoraConfig(task_type="CAUSAL_LM", **settings))
    torch.manual_seed(12)
    expected = {}
    for module, layer in model.named_modules():
        if hasattr(layer, "lora_A"):
            a, b = layer.lora_A["default"].weight, layer.lora_B["default"].weight
            torch.nn.init.normal_(b)
            expected[module.removeprefix("base_model.model.")] = {
                "rank": layer.r["default"], "scale": layer.scaling["default"], "in": a.shape[1], "out": b.shape[0],
                "a_sha256": sha(a.detach().numpy()), "b_sha256": sha(b.detach().numpy())}
    model.save_pretrained(OUT / name)
    (OUT / name / "README.md").unlink(missing_ok=True)
    return expected


def make():
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    dtypes()
    tiny(**SMALL).save_pretrained(OUT / "sharded", max_shard_size="20KB")
    (OUT / "sharded" / "generation_config.json").unlink(missing_ok=True)
    expected = {
        "conversions": conversions(),
        "sharded": {k: {"shape": list(v.shape), "sha256": sha(v.numpy())} for k, v in tiny(**SMALL).state_dict().items()},
        "nf4": {
            "nf4": quantised("nf4"),
            "nf4_nested": quantised("nf4_nested", bnb_4bit_use_double_quant=True),
            "nf4_bfloat16": quantised("nf4_bfloat16", bnb_4bit_use_double_quant=True,
                                      bnb_4bit_quant_storage=torch.bfloat16),
        },
        "adapters": {
            "adapter": adapter("adapter", r=4, lora_alpha=8, lora_dropout=0.05, target_modules="all-linear"),
            "adapter_patterns": adapter("adapter_patterns", r=4, lora_alpha=8, use_rslora=True,
                                        target_modules=r".*\.(q_proj|v_proj|down_proj)",
                                        rank_pattern={"v_proj": 2, r"layers\.0\.mlp\.down_proj": 3},
                                        alpha_pattern={r".*\.1\..*\.q_proj": 32}),
        },
    }
    (OUT / "expected.json").write_text(json.dumps(expected, indent=1, sort_keys=True) + "\n")


def check(folder):
    """Our adapter in PEFT: no missing or unexpected key, the values arrive, logits equal those of the merged weights by
    hand. Our model directory in transformers: the same tensors, equal logits."""
    folder = Path(folder)
    ids = torch.arange(32)[None]
    for name in sorted(p.name for p in folder.glob("adapter*")):
        written = load_file(folder / name / "adapter_model.safetensors")
        result = PeftModel.from_pretrained(tiny(), folder / name, is_trainable=True)
        load = result.load_adapter(folder / name, "again")
        assert not load.unexpected_keys, load.unexpected_keys
        assert not [k for k in load.missing_keys if "lora" in k], load.missing_keys
        modules = {m: layer for m, layer in result.named_modules() if hasattr(layer, "lora_A")}
        assert 2 * len(modules) == len(written)
        reference = tiny()
        for module, layer in modules.items():
            for part in ("lora_A", "lora_B"):
                loaded = getattr(layer, part)["default"].weight
                assert torch.equal(loaded, written[f"{module}.{part}.weight"]), (module, part)
            weight = reference.get_submodule(module.removeprefix("base_model.model.")).weight
            scale = layer.scaling["default"]
            weight.data += scale * written[module + ".lora_B.weight"] @ written[module + ".lora_A.weight"]
        result.set_adapter("default")
        with torch.no_grad():
            error = (result.eval()(ids).logits - reference.eval()(ids).logits).abs().max().item()
        print(f"{name}: {len(modules)} modules loaded by peft, logits beside merged weights differ by {error:.2e}")
        assert error < 1e-4
    for name in sorted(p.name for p in folder.glob("model*")):
        model, info = AutoModelForCausalLM.from_pretrained(folder / name, output_loading_info=True)
        assert not any(info.values()), info
        with torch.no_grad():
            error = (model.float()(ids).logits - tiny(**SMALL)(ids).logits).abs().max().item()
        print(f"{name}: loaded by transformers as {model.dtype}, logits beside the source differ by {error:.2e}")
        assert error < (1e-6 if "float32" in name else 2e-2)


if __name__ == "__main__":
    check(sys.argv[2]) if sys.argv[1:2] == ["--check"] else make()
