"""What transformers makes of chat templates: features.json, conversations.json and one file a folder of HONE_FIXTURES/templates.

    HONE_FIXTURES=<folder> venv/bin/python tests/golden/templates/make_templates.py

The environment is the one of make_golden.py (transformers 5.23.0, jinja2 3.1.6). Templates are compiled and rendered by
transformers' own functions; the date of strftime_now is fixed. Run twice the files are byte-identical.
"""

import copy
import datetime
import hashlib
import json
import os
import pathlib
import re
import warnings

import transformers.utils.chat_template_utils as chat

import features
from conversations import CONVERSATIONS, VARIABLES

HERE = pathlib.Path(__file__).parent


class Fixed(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return datetime.datetime(2024, 7, 26)


chat.datetime = Fixed
warnings.simplefilter("ignore")


def render(template, data):
    """(text, byte ranges of {% generation %}), or None where transformers raises."""
    blocks, spans = [], []
    try:
        compiled = chat._compile_jinja_template(template)
        with compiled.environment.activate_tracker(blocks, spans):
            for block in compiled.generate(**copy.deepcopy(data)):
                blocks.append(block)
        text = "".join(blocks)
    except Exception:
        return None
    ranges = []
    for begin, end in sorted(spans):  # characters to bytes; what touches is one
        begin, end = len(text[:begin].encode()), len(text[:end].encode())
        if begin == end:
            continue
        if ranges and ranges[-1][1] >= begin:
            ranges[-1][1] = max(ranges[-1][1], end)
        else:
            ranges.append([begin, end])
    return text, ranges


def write(name, lines):
    """A list, an entry a line."""
    text = "[\n" + ",\n".join(json.dumps(line, ensure_ascii=False, separators=(",", ":")) for line in lines) + "\n]\n"
    (HERE / name).write_text(text)
    print(name, len(text), "bytes,", len(lines), "entries")


def make_features():
    """[template, text or null, ranges]"""
    lines = []
    for template in features.cases():
        made = render(template, features.DATA)
        # An address in a text would be another one each time.
        assert made is None or not re.search(r" at 0x|<built-in|<function|<class", made[0]), template
        lines.append([template, *(made or (None, []))])
    write("features.json", lines)
    (HERE / "features_data.json").write_text(json.dumps(features.DATA, ensure_ascii=False, indent=1) + "\n")


def make_templates():
    """[file, {conversation: [an entry a set of variables]}]; an entry is null (raises), or 16 digits of the text's
    SHA-256, or these and the ranges of {% generation %}."""
    fixtures = pathlib.Path(os.environ["HONE_FIXTURES"]) / "templates"
    for folder in sorted(fixtures.iterdir()):
        lines = []
        for path in sorted(folder.glob("*.jinja")):
            template = path.read_text()
            entries = {}
            for name, messages in CONVERSATIONS.items():
                entries[name] = []
                for variables in VARIABLES.values():
                    given = {"messages": messages, "tools": None, "documents": None, "add_generation_prompt": False}
                    made = render(template, given | {"bos_token": "<s>", "eos_token": "</s>"} | variables)
                    digest = made and hashlib.sha256(made[0].encode()).hexdigest()[:16]
                    entries[name].append([digest, made[1]] if made and made[1] else digest)
                if len(set(map(str, entries[name]))) == 1:  # whatever is given
                    entries[name] = entries[name][:1]
            lines.append([path.name, entries])
        write(folder.name + ".json", lines)
    write("conversations.json", [CONVERSATIONS, VARIABLES])


if __name__ == "__main__":
    make_features()
    make_templates()
