"""Conversations as transformers renders and tokenises them with published chat templates: text, ids, and which tokens are learned.

Versions: transformers 5.23, tokenizers 0.23.3, jinja2 3.1. Writes data/chat_templates.json beside this script.
    python make_chat_templates.py FIXTURES     # the folder that HONE_FIXTURES names
Learned is apply_chat_template's own mask where a template has {% generation %}. Of the others it is worked out here from the published
layout alone: from the end of an answer's heading to the end of its end token, by places in the text.
"""
import hashlib
import json
import pathlib
import sys

from transformers import PreTrainedTokenizerFast

fixtures = pathlib.Path(sys.argv[1])
WEATHER = [{"type": "function", "function": {"name": "weather", "description": "Says the weather", "parameters": {
    "type": "object", "properties": {"city": {"type": "string", "description": "where"}}, "required": ["city"]}}}]
PLAIN = [("user", "What is 12 * 12?"), ("assistant", "144")]
SYSTEM = [("system", "You answer briefly.")] + PLAIN
LONG = [("system", "s"), ("user", "First\nsecond line.\n\n  indented"), ("assistant", "One.\n\nTwo: `x = 3`"),
        ("user", "spaces before, after"), ("assistant", "Ünïcode – 数字 🙂 done"), ("user", "ok"), ("assistant", "bye")]
OPEN = LONG[:6]
CALLS = [{"role": "user", "content": "Weather in Bern?"},
         {"role": "assistant", "content": "", "tool_calls": [{"type": "function", "function": {
             "name": "weather", "arguments": {"city": "Bern", "days": 2}}}]},
         {"role": "tool", "name": "weather", "content": "{\"sky\": \"grey\"}"},
         {"role": "assistant", "content": "Grey."}]
THINKS = [{"role": "user", "content": "1 + 1?"}, {"role": "assistant", "reasoning_content": "easy", "content": "2"},
          {"role": "user", "content": "2 + 2?"}, {"role": "assistant", "reasoning_content": "also easy", "content": "4"}]


def said(pairs):
    return [{"role": role, "content": content} for role, content in pairs]


# template: tokenizer, its special tokens, heading and end of an answer (None: the template has its own marks)
CASES = {
    "trl/qwen2_5": ("qwen2.5", {"eos_token": "<|im_end|>"}, "<|im_start|>assistant\n", "<|im_end|>"),
    "trl/qwen2_5_training": ("qwen2.5", {"eos_token": "<|im_end|>"}, None, None),
    "trl/qwen3": ("qwen2.5", {"eos_token": "<|im_end|>"}, "<|im_start|>assistant\n", "<|im_end|>"),
    "trl/qwen3_training": ("qwen2.5", {"eos_token": "<|im_end|>"}, None, None),
    "trl/phi3": ("phi-3-mini", {"bos_token": "<s>", "eos_token": "<|endoftext|>"}, "<|assistant|>\n", "<|end|>"),
    "trl/phi3_training": ("phi-3-mini", {"bos_token": "<s>", "eos_token": "<|endoftext|>"}, None, None),
    "llama.cpp/microsoft-Phi-3.5-mini-instruct": ("phi-3-mini", {"bos_token": "<s>", "eos_token": "<|endoftext|>"},
                                                  "<|assistant|>\n", "<|end|>"),
    "llama.cpp/Qwen-Qwen2.5-7B-Instruct": ("qwen2.5", {"eos_token": "<|im_end|>"}, "<|im_start|>assistant\n", "<|im_end|>"),
    "trl/llama3": ("llama3", {"bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>"},
                   "<|start_header_id|>assistant<|end_header_id|>\n\n", "<|eot_id|>"),
    "trl/llama3_training": ("llama3", {"bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>"}, None, None),
    "trl/gemma": ("gemma", {"bos_token": "<bos>", "eos_token": "<eos>"}, "<start_of_turn>model\n", "<end_of_turn>"),
    "trl/gemma_training": ("gemma", {"bos_token": "<bos>", "eos_token": "<eos>"}, None, None),
    "trl/gemma3_training": ("gemma", {"bos_token": "<bos>", "eos_token": "<eos>"}, None, None),
}
# Tokens of families without a tokenizer at hand, added to Qwen2.5's.
ADDED = {"llama3": ["<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"],
         "gemma": ["<bos>", "<eos>", "<start_of_turn>", "<end_of_turn>"]}
CONVERSATIONS = [
    {"messages": said(PLAIN)}, {"messages": said(SYSTEM)}, {"messages": said(LONG)}, {"messages": said(LONG[1:])},
    {"messages": said(OPEN)}, {"messages": CALLS, "tools": WEATHER}, {"messages": THINKS},
    {"messages": said(OPEN), "add_generation_prompt": True},
    {"messages": said(PLAIN[:1]), "add_generation_prompt": True, "enable_thinking": False},
]


def tokenizer_of(name, special):
    base = name if name in ("qwen2.5", "phi-3-mini") else "qwen2.5"
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(fixtures / f"tokenizers/{base}/tokenizer.json"))
    if name in ADDED:
        tokenizer.add_special_tokens({"additional_special_tokens": ADDED[name]})
    for key, value in special.items():
        setattr(tokenizer, key, value)
    return tokenizer


def worked_out(text, row, messages, heading, end):
    """Places of the answers by the layout: each stands behind its heading, in order."""
    learned, at = [0] * len(row["input_ids"]), 0
    for message in messages:
        if message["role"] != "assistant":
            continue
        begin = text.index(heading, at) + len(heading)
        close = text.index(end, begin) + len(end)
        at = close
        first, last = row.char_to_token(begin), row.char_to_token(close - 1)
        for i in range(first, last + 1):
            learned[i] = 1
    return learned


out = {"added": {}, "cases": []}
for template, (name, special, heading, end) in CASES.items():
    tokenizer = tokenizer_of(name, special)
    if name in ADDED:
        out["added"][name] = {token: tokenizer.convert_tokens_to_ids(token) for token in ADDED[name]}
    source = (fixtures / f"templates/{template}.jinja").read_text()
    for conversation in CONVERSATIONS:
        arguments = {k: v for k, v in conversation.items() if k != "messages"}
        entry = {"template": template, "tokenizer": name, "special": special, "row": conversation}
        try:
            text = tokenizer.apply_chat_template(conversation["messages"], chat_template=source, tokenize=False, **arguments)
        except Exception:
            entry["error"] = True
            out["cases"].append(entry)
            continue
        row = tokenizer.apply_chat_template(conversation["messages"], chat_template=source, tokenize=True, return_dict=True,
                                            return_assistant_tokens_mask=heading is None, **arguments)
        entry["sha256"] = hashlib.sha256(text.encode()).hexdigest()
        entry["ids"] = row["input_ids"]
        if heading is None:
            entry["learned"] = row["assistant_masks"]
        elif "tools" not in conversation and "reasoning_content" not in json.dumps(conversation):
            entry["learned"] = worked_out(text, tokenizer(text, add_special_tokens=False), conversation["messages"], heading, end)
        out["cases"].append(entry)
target = pathlib.Path(__file__).parent / "data/chat_templates.json"
target.write_text(json.dumps(out, ensure_ascii=False) + "\n")
print(len(out["cases"]), "cases,", sum("error" in c for c in out["cases"]), "refused,", target.stat().st_size, "bytes")
