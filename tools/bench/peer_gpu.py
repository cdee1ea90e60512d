"""LoRA steps of a Llama-3.1-8B-shaped model with random weights by transformers + peft on a GPU, as hone bench makes them.

    python3 tools/bench/peer_gpu.py --cases none:1,full:4   # gradient checkpointing (none, full): documents of 4,096 tokens
    python3 tools/bench/peer_gpu.py --there                  # exit code 0 where this Python has all that it needs

bfloat16 base, float32 adapters of rank 16 on all linear layers under autocast, torch's scaled_dot_product_attention, fused
AdamW, gradients clipped. A line of JSON a case; memory is torch's peak from the loaded model on.
"""

import argparse
import json
import sys
import time


def model_of(torch, transformers, peft):
    config = transformers.LlamaConfig(
        vocab_size=128256, hidden_size=4096, intermediate_size=14336, num_hidden_layers=32, num_attention_heads=32,
        num_key_value_heads=8, max_position_embeddings=131072, rms_norm_eps=1e-5, rope_theta=500000.0,
        tie_word_embeddings=False, attn_implementation="sdpa", use_cache=False)
    torch.manual_seed(1)
    torch.set_default_dtype(torch.bfloat16)
    with torch.device("cuda"):
        model = transformers.LlamaForCausalLM(config)
    torch.set_default_dtype(torch.float32)
    lora = peft.LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM")
    model = peft.get_peft_model(model, lora)
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()
    return model.train()


def steps(torch, model, checkpointing, documents, arguments):
    if checkpointing == "full":
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        model.enable_input_require_grads()
    else:
        model.gradient_checkpointing_disable()
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=2e-4, fused=True)
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    seconds = []
    for step in range(arguments.warm_up + arguments.steps):
        tokens = torch.randint(0, 128256, (documents, arguments.sequence), device="cuda")
        torch.cuda.synchronize()
        began = time.perf_counter()
        with torch.autocast("cuda", dtype=torch.bfloat16):
            loss = model(input_ids=tokens, labels=tokens).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        last = loss.item()
        torch.cuda.synchronize()
        if step >= arguments.warm_up:
            seconds.append(time.perf_counter() - began)
    mean = sum(seconds) / len(seconds)
    return {"tokens_per_second": documents * arguments.sequence / mean, "step_seconds": mean, "steps": len(seconds),
            "peak_gib": torch.cuda.max_memory_allocated() / 2**30,
            "reserved_gib": torch.cuda.max_memory_reserved() / 2**30, "loss": last}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", default="none:1,full:1")
    parser.add_argument("--sequence", type=int, default=4096)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--warm-up", type=int, default=2)
    parser.add_argument("--there", action="store_true")
    arguments = parser.parse_args()
    try:
        import peft
        import torch
        import transformers
    except ImportError as error:
        print(f"peer_gpu: {error}", file=sys.stderr)
        return 1
    if not torch.cuda.is_available() or arguments.there:
        return 0 if torch.cuda.is_available() else 1
    versions = f"torch {torch.__version__}, transformers {transformers.__version__}, peft {peft.__version__}"
    model = model_of(torch, transformers, peft)
    for case in arguments.cases.split(","):
        checkpointing, documents = case.split(":")
        row = {"peer": checkpointing, "batch": int(documents), "versions": versions}
        try:
            row.update(steps(torch, model, checkpointing, int(documents), arguments))
        except torch.cuda.OutOfMemoryError as error:
            row["problem"] = f"out of memory: {error}".splitlines()[0]
        model.zero_grad(set_to_none=True)
        print(json.dumps(row), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
