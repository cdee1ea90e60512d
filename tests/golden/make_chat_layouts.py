"""Conversations as transformers tokenises them with TRL's training templates: ids, and which tokens are an answer's.

Versions: transformers 5.23, tokenizers 0.23.3, jinja2 3.1. Writes data/chat_layouts.json beside this script.
    python make_chat_layouts.py FIXTURES     # the folder that HONE_FIXTURES names
"""
import json
import pathlib
import sys

from transformers import PreTrainedTokenizerFast

CONVERSATIONS = [
    [("system", "You answer briefly."), ("user", "What is 12 * 12?"), ("assistant", "144")],
    [("system", "s"), ("user", "First\nsecond line.\n\n  indented"), ("assistant", "One.\n\nTwo: `x = 3`\n"),
     ("user", " spaces before, after "), ("assistant", "Ünïcode – 数字 🙂 done"), ("user", "ok"), ("assistant", "bye")],
    [("system", ""), ("user", ""), ("assistant", "an answer to nothing")],
    [("system", "a"), ("system", "b"), ("user", "c")],
    [("system", "code"), ("user", "def f(x):\n    return x\n\n\n"), ("assistant", "    return x + 1  # four spaces\tand a tab")],
    [("system", "numbers"), ("user", "1234567 and 3.14159"), ("assistant", "It's 9,876,543; isn't it? They'll say so.")],
]
LLAMA3_TOKENS = ["<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]

fixtures = pathlib.Path(sys.argv[1])
out = {}
for layout, template in (("chatml", "qwen2_5_training"), ("llama3", "llama3_training")):
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(fixtures / "tokenizers/qwen2.5/tokenizer.json"))
    if layout == "llama3":
        tokenizer.add_special_tokens({"bos_token": LLAMA3_TOKENS[0], "additional_special_tokens": LLAMA3_TOKENS[1:]})
    text = (fixtures / f"templates/trl/{template}.jinja").read_text()
    out[layout] = []
    for conversation in CONVERSATIONS:
        messages = [{"role": role, "content": content} for role, content in conversation]
        row = tokenizer.apply_chat_template(messages, chat_template=text, tokenize=True, return_dict=True,
                                            return_assistant_tokens_mask=True)
        prompt = tokenizer.apply_chat_template(messages[:2], chat_template=text, tokenize=True, return_dict=True,
                                               add_generation_prompt=True)
        out[layout].append({"messages": messages, "ids": row["input_ids"], "answers": row["assistant_masks"],
                            "prompt_of_two": prompt["input_ids"]})
out["llama3_tokens"] = {token: tokenizer.convert_tokens_to_ids(token) for token in LLAMA3_TOKENS}
target = pathlib.Path(__file__).parent / "data/chat_layouts.json"
target.write_text(json.dumps(out, ensure_ascii=False) + "\n")
