"""What a run learns from real data through published tokenizers and chat templates, counted with the Python libraries.

Versions: transformers 5.23, tokenizers 0.23.3, sentencepiece 0.2.3, jinja2 3.1. Writes data/receipts.json beside this script.
    python make_receipts.py FIXTURES     # the folder that HONE_FIXTURES names
GSM8K and the instructions are a request and an answer; of an OpenAssistant tree each path from the root to a leaf is a conversation.
Learned is apply_chat_template's mask where a template has {% generation %}, else what stands behind an answer's heading up to its end token.
"""
import json
import pathlib
import sys

import sentencepiece
from transformers import PreTrainedTokenizerFast
from transformers.utils.chat_template_utils import render_jinja_template

fixtures = pathlib.Path(sys.argv[1])


def lines(path):
    return [json.loads(line) for line in (fixtures / "data" / path).read_text().splitlines() if line.strip()]


def asked(question, answer):
    return [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]


def paths(node, before):
    here = before + [{"role": "user" if node["role"] == "prompter" else "assistant", "content": node["text"]}]
    if not node["replies"]:
        return [here]
    return [path for reply in node["replies"] for path in paths(reply, here)]


DATA = {
    "gsm8k": [asked(row["question"], row["answer"]) for row in lines("gsm8k/train.jsonl")[:2000]],
    "instructions": [asked(row["instruction"] + ("\n\n" + row["input"] if row["input"] else ""), row["output"])
                     for row in json.loads((fixtures / "data/instructions/instruction-data.json").read_text())],
    "oasst": [path for tree in lines("oasst/en_100_tree.jsonl") for path in paths(tree["prompt"], [])],
}


class Fast:  # tokenizer.json
    def __init__(self, name, **special):
        self.special = special
        self.tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(fixtures / f"tokenizers/{name}/tokenizer.json"))

    def spans(self, text):
        encoding = self.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        return encoding["offset_mapping"], lambda at: encoding.char_to_token(at)


class Pieces:  # tokenizer.model: control symbols are found in the text, sentencepiece makes pieces of what stands between
    def __init__(self, name, **special):
        self.special = special
        self.model = sentencepiece.SentencePieceProcessor(model_file=str(fixtures / f"tokenizers/{name}/tokenizer.model"))
        self.controls = sorted((self.model.id_to_piece(i) for i in range(len(self.model)) if self.model.is_control(i)),
                               key=len, reverse=True)

    def spans(self, text):
        spans, at = [], 0
        while at < len(text):
            control = next((c for c in self.controls if text.startswith(c, at)), None)
            if control:
                spans.append((at, at + len(control)))
                at += len(control)
                continue
            ends = [place for c in self.controls if (place := text.find(c, at)) >= 0]
            end = min(ends, default=len(text))
            # A word before it and none of the space that sentencepiece puts first: text goes on behind a control symbol.
            guard = "\n" if at > 0 else ""
            place = at - len(guard)
            for piece in self.model.encode(guard + text[at:end], return_type="proto").pieces:
                before, place = place, place + len(piece.surface)
                if place > at:
                    spans.append((before, place))
            at = end
        return spans, lambda place: next(i for i, (a, b) in enumerate(spans) if a <= place < b)


QWEN, PHI = Fast("qwen2.5", eos_token="<|im_end|>"), Fast("phi-3-mini", bos_token="<s>", eos_token="<|endoftext|>")
V1, V3 = (Pieces(name, bos_token="<s>", eos_token="</s>") for name in ("mistral-v1", "mistral-v3"))
# template: tokenizer, its folder, heading and end of an answer (None: the template has its own marks)
CASES = {
    "trl/qwen2_5": (QWEN, "qwen2.5", "<|im_start|>assistant\n", "<|im_end|>"),
    "trl/qwen2_5_training": (QWEN, "qwen2.5", None, None),
    "trl/qwen3": (QWEN, "qwen2.5", "<|im_start|>assistant\n", "<|im_end|>"),
    "llama.cpp/microsoft-Phi-3.5-mini-instruct": (PHI, "phi-3-mini", "<|assistant|>\n", "<|end|>"),
    "trl/phi3_training": (PHI, "phi-3-mini", None, None),
    "mistral/v1_spm": (V1, "mistral-v1", "[/INST]", "</s>"),
    "mistral/v3_spm": (V3, "mistral-v3", "[/INST]", "</s>"),
}


def learned_of(tokenizer, text, messages, marks, heading, end):
    spans, token_at = tokenizer.spans(text)
    learned = [False] * len(spans)
    places, at = list(marks), 0
    if heading:
        places = []
        for message in messages:
            if message["role"] == "assistant":
                begin = text.index(heading, at) + len(heading)
                close = text.index(end, begin) + len(end)
                places.append((begin, close))
                at = close
    for begin, close in places:
        for i in range(token_at(begin), token_at(close - 1) + 1):
            learned[i] = True
    if learned:
        learned[0] = False  # nothing stands before it
    return len(spans), sum(learned)




out = []
for template, (tokenizer, folder, heading, end) in CASES.items():
    source = (fixtures / f"templates/{template}.jinja").read_text()
    for data, conversations in DATA.items():
        counts = {"read": len(conversations), "used": 0, "tokens": 0, "learned": 0, "unlearned": 0, "bad": 0}
        for messages in conversations:
            try:
                (text,), marks = render_jinja_template([messages], chat_template=source, return_assistant_tokens_mask=heading is None,
                                                       **tokenizer.special)
            except Exception:
                counts["bad"] += 1
                continue
            tokens, learned = learned_of(tokenizer, text, messages, marks[0] if marks else [], heading, end)
            if learned == 0:
                counts["unlearned"] += 1
                continue
            counts["used"] += 1
            counts["tokens"] += tokens
            counts["learned"] += learned
        out.append({"template": template, "tokenizer": folder, "data": data, **counts})
        print(out[-1])
(pathlib.Path(__file__).parent / "data/receipts.json").write_text(json.dumps(out, indent=1) + "\n")
