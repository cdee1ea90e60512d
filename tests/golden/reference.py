"""The reference model: transformers' Llama and peft's LoRA, in float32 as they are, in float64 made honest.

transformers keeps rotary angles and RMSNorm in float32 even in a float64 model, and its loss casts logits to float32. So
`in_float64` replaces both modules' arithmetic for its scope, and losses are summed here from the logits.
"""

import contextlib
import json
import os
import shutil

import numpy as np
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import LlamaConfig, LlamaForCausalLM
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS
from transformers.models.llama import modeling_llama

torch.set_num_threads(1)  # sums in one order: the same bytes every time
torch.use_deterministic_algorithms(True)

RANK, ALPHA = 4, 8
LINEARS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def inverse_frequencies(config):
    """As transformers computes them, but in float64 throughout."""
    rope = config.rope_parameters
    dim = config.head_dim
    frequency = 1.0 / rope["rope_theta"] ** (torch.arange(0, dim, 2, dtype=torch.float64) / dim)
    if rope["rope_type"] == "default":
        return frequency
    assert rope["rope_type"] == "llama3"
    length, low, high = rope["original_max_position_embeddings"], rope["low_freq_factor"], rope["high_freq_factor"]
    turns = length * frequency / (2 * torch.pi)  # turns within the original length
    smooth = ((turns - low) / (high - low)).clamp(0, 1)
    scaled = (1 - smooth) * frequency / rope["factor"] + smooth * frequency
    theirs = ROPE_INIT_FUNCTIONS["llama3"](config)[0]
    assert torch.allclose(scaled.float(), theirs, rtol=1e-6), "the float64 frequencies must be transformers' own"
    return scaled


@contextlib.contextmanager
def in_float64():
    """Within it, rotary angles and RMSNorm of transformers' Llama are computed in float64."""
    rotary, norm = modeling_llama.LlamaRotaryEmbedding, modeling_llama.LlamaRMSNorm
    kept = rotary.forward, norm.forward

    def turn(self, x, position_ids):
        angles = position_ids[..., None].double() * inverse_frequencies(self.config)
        angles = torch.cat((angles, angles), dim=-1)
        return angles.cos().to(x.dtype), angles.sin().to(x.dtype)

    def normalise(self, x):
        return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.variance_epsilon))

    rotary.forward, norm.forward = turn, normalise
    try:
        yield
    finally:
        rotary.forward, norm.forward = kept


def scope(dtype):
    return in_float64() if dtype == torch.float64 else contextlib.nullcontext()


def make_model(config, seed):
    """A Llama with random weights that are far from any initialisation: norms not one, biases not zero."""
    model = LlamaForCausalLM(config)
    random = np.random.Generator(np.random.PCG64(seed))
    for name, parameter in model.named_parameters():
        values = random.standard_normal(tuple(parameter.shape))
        if name.endswith("bias"):
            values *= 0.3
        elif parameter.dim() == 1:
            values = 1 + 0.2 * values
        elif "embed_tokens" in name or "lm_head" in name:
            values *= 0.3
        else:
            values *= 1.4 / parameter.shape[1] ** 0.5
        parameter.data.copy_(torch.from_numpy(values))
    return model


def add_adapter(model, seed, name):
    """LoRA on every linear layer of the blocks, A and B both random."""
    lora = LoraConfig(r=RANK, lora_alpha=ALPHA, lora_dropout=0.0, target_modules=LINEARS, task_type="CAUSAL_LM")
    model = get_peft_model(model, lora)
    random = np.random.Generator(np.random.PCG64(seed))
    for key, parameter in model.named_parameters():
        if "lora_A" in key:
            parameter.data.copy_(torch.from_numpy(random.standard_normal(tuple(parameter.shape)) / parameter.shape[1] ** 0.5))
        elif "lora_B" in key:
            parameter.data.copy_(torch.from_numpy(0.1 * random.standard_normal(tuple(parameter.shape))))
    model.peft_config["default"].base_model_name_or_path = name
    return model


def save_model(model, folder, **options):
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder, **options)


def save_adapter(model, folder):
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder)
    os.remove(os.path.join(folder, "README.md"))
    path = os.path.join(folder, "adapter_config.json")
    with open(path) as file:
        config = json.load(file)
    if not isinstance(config["target_modules"], str):
        config["target_modules"] = sorted(config["target_modules"])  # a set: its order changes from run to run
    write_json(path, config)


def load_model(folder, dtype, weights=None):
    """The model as its files say, weights (name: float32 tensor) replacing what the files hold where given."""
    config = LlamaConfig.from_pretrained(folder)
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    config._attn_implementation = "sdpa"
    model = LlamaForCausalLM(config)
    if weights is None:
        weights = read_weights(folder)
    wanted = {name for name, _ in model.named_parameters()}
    assert set(weights) == wanted, set(weights) ^ wanted
    for name, parameter in model.named_parameters():
        parameter.data.copy_(weights[name])
    return model.to(dtype).eval()


def read_weights(folder):
    names = sorted(name for name in os.listdir(folder) if name.startswith("model") and name.endswith(".safetensors"))
    return {key: value.float() for name in names for key, value in load_file(os.path.join(folder, name)).items()}


def load_adapter(model, folder):
    dtype = next(model.parameters()).dtype
    return PeftModel.from_pretrained(model, folder, is_trainable=True).to(dtype).eval()


def adapter_name(name):
    """The name a tensor has in adapter_model.safetensors."""
    return name.replace(".default.", ".")


def documents(row):
    """A row is one document, or several one behind the other: they do not see each other and positions restart."""
    ends = np.cumsum(row.get("documents", [len(row["input_ids"])]))
    return [(int(end - length), int(end)) for end, length in zip(ends, row.get("documents", [len(row["input_ids"])]))]


def split(row):
    return [{key: row[key][begin:end] for key in ("input_ids", "labels")} for begin, end in documents(row)]


def run_row(model, row):
    """Logits (T, vocabulary) and the summed loss of a row; the first token of a document is never a target."""
    logits, loss, targets = [], 0.0, 0
    for begin, end in documents(row):
        ids, labels = torch.tensor(row["input_ids"][begin:end]), torch.tensor(row["labels"][begin:end])
        z = model(input_ids=ids[None], use_cache=False).logits[0]
        logits.append(z)
        loss = loss + torch.nn.functional.cross_entropy(z[:-1], labels[1:], ignore_index=-100, reduction="sum")
        targets += int((labels[1:] != -100).sum())
    return torch.cat(logits), loss, targets


def run_rows(model, rows):
    logits, losses, targets = zip(*(run_row(model, row) for row in rows))
    return list(logits), torch.stack(losses), list(targets)


def gradients(model, loss, rename=lambda name: name):
    model.zero_grad()
    loss.backward()
    return {rename(name): p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


def check_gradient(model, rows, name, gradient, step=2e-6):
    """Central differences in one random direction: the reference is itself a derivative."""
    parameter = dict(model.named_parameters())[name]
    direction = torch.from_numpy(np.random.Generator(np.random.PCG64(1)).standard_normal(tuple(parameter.shape)))
    kept, values = parameter.data.clone(), []
    for sign in (1, -1):
        parameter.data.copy_(kept + sign * step * direction)
        with torch.no_grad():
            values.append(run_rows(model, rows)[1].sum().item())
    parameter.data.copy_(kept)
    expected = (gradient * direction).sum().item()
    found = (values[0] - values[1]) / (2 * step)
    assert abs(found - expected) <= 1e-6 * max(1, abs(expected)), (name, found, expected)


def make_rows(seed, lengths, vocabulary, packed=()):
    """Random tokens; labels are the tokens themselves with about a third of them, and a prompt, masked by -100."""
    random = np.random.Generator(np.random.PCG64(seed))
    rows = []
    for length in lengths:
        ids = random.integers(3, vocabulary, length)
        labels = np.where(random.random(length) < 0.3, -100, ids)
        labels[0] = ids[0]  # a label that must be ignored: nothing comes before it
        labels[1:3] = -100
        if (labels[1:] == -100).all():
            labels[-1] = ids[-1]
        rows.append({"input_ids": ids.tolist(), "labels": labels.tolist()})
    for row, pieces in zip(rows, packed):
        assert sum(pieces) == len(row["input_ids"])
        row["documents"] = list(pieces)
        for begin, _ in documents(row):
            row["labels"][begin] = row["input_ids"][begin]  # must be ignored as well
    return rows


def write_json(path, value):
    with open(path, "w") as file:
        json.dump(value, file, indent=2)
        file.write("\n")


def write_rows(path, rows):
    with open(path, "w") as file:
        for row in rows:
            file.write(json.dumps(row) + "\n")


def write_tensors(path, tensors):
    save_file({name: value.detach().contiguous().clone() for name, value in tensors.items()}, path)
