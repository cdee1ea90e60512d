#!/usr/bin/env python3
"""Makes the golden files of tests/data/tokenizer_test.cpp: small tokenizers that together use every component, a corpus of
hard text, and what Hugging Face tokenizers, sentencepiece and tiktoken make of it with them and with real tokenizers.

    python -m venv venv && venv/bin/pip install tokenizers==0.23.3 sentencepiece==0.2.3 protobuf tiktoken==0.14.0
    venv/bin/python tests/golden/tokenizers/make_tokenizers.py [FIXTURES]

FIXTURES is the folder that HONE_FIXTURES names; without it the committed results for real tokenizers are kept.
Writes corpus.json, small/*, expected_small.json and expected_unigram.json (tokenizer.json), expected_other.json and
expected_fixtures.json beside this file. A result is the first 8 digits of the SHA-256 of "ids, separated by spaces", newline,
decoded text, newline, decoded text without special tokens; under "marks", of the indices of the tokens at each character and at the text's end.
"""
import base64
import hashlib
import json
import pathlib
import random
import re
import sys
import unicodedata

import sentencepiece as spm
import tiktoken
from sentencepiece import sentencepiece_model_pb2 as model_pb2
from tokenizers import AddedToken, Regex, Tokenizer, decoders as D, models, normalizers as N, pre_tokenizers as P
from tokenizers import processors, trainers

HERE = pathlib.Path(__file__).parent
FIXTURES = ["tokenizers/gpt2", "tokenizers/minimind", "tokenizers/olmo2", "tokenizers/phi-3-mini", "tokenizers/qwen2.5",
            "tokenizers/mistral-v1", "tokenizers/mistral-v3", "models/stories260K-hf"]
SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<s>", "</s>", "<unk>", "<pad>", "<|user|>", "<|end|>",
            "<tool_call>", "<r>", "<lr> ", " <m", "Word", "Éx", "sing_le"]

CORPUS = [
    "", " ", "  ", "   ", "\n", "\n\n", "\r\n", "\r", "\t", "\t\t \t", " \n ", "a", " a", "a ", "  a  b   c    ",
    "Hello, world!", "The quick brown fox jumps over the lazy dog.", "hello" * 3, "HELLO hello Hello hElLo",
    "I'm you're he'll we've they'd it's can't won't I'M YOU'RE HE'LL WE'VE THEY'D IT'S CAN'T 'S 'T 'Re 'vE 'lL",
    "l’été qu’il s’est ’s ’t 'ſ 'K", "rock 'n' roll '''''s \"quoted\" ‘single’ “double” «guillemets»",
    "0 1 12 123 1234 12345 123456 1234567 12345678 3.14159 1,000,000 0x1F 1e-9 2024-02-29T23:59:59Z",
    "٠١٢٣٤٥٦٧٨٩ ०१२३४५६७८९ ๐๑๒๓ ①②③ ⅠⅡⅢ ½⅓¼ ²³¹ 𝟘𝟙𝟚 一二三", "a1b2c3 4d5e6f 7.8.9",
    "def f(x):\n    return x**2  # square\n\n\nclass A:\n\tpass\n", "for (int i = 0; i < n; ++i) { a[i] += b[i] << 2; }\r\n",
    "<html><body class=\"x\">&nbsp;</body></html>", "{\"key\": [1, 2.5, null, true], \"emoji\": \"\\ud83d\\ude00\"}",
    "https://example.org/a/b?c=d&e=%20f#g user@example.org C:\\Windows\\System32 /usr/local/bin",
    "snake_case camelCase PascalCase kebab-case SCREAMING_CASE __dunder__", "--flag=value -x !@#$%^&*()_+|}{:?><",
    "!!!??? ... …… ——  –– ==== ---- ____ ~~~~ ````", "tab\tseparated\tvalues\tx", "trailing space \ntrailing tab\t\n",
    "a\n\n\n\nb\r\n\r\n\r\nc\r\r\rd \n \n \n e", "x" + " " * 63 + "y", "x" + " " * 64, " " * 65 + "x", "\n" * 33 + "x" + "\n" * 32,
    "\t" * 17 + "x", " \t" * 9 + "\n" + " \n" * 9, "line separator\u2028paragraph\u2029next\u0085line\x0b\x0c\x1c\x1d\x1e\x1f",
    "nbsp\u00a0nnbsp\u202fen\u2002em\u2003thin\u2009hair\u200aideographic\u3000ogham\u1680medium\u205f.",
    "zero\u200bwidth\u200cnon\u200djoiner\u2060word\ufeffbom\u180emongolian\u00adsoft", "\ufeffBOM first", "\u180e \u180e\u180e x",
    "\u0000\u0001\u0002\u0007\u0008\u001b[31mred\u001b[0m\u007f\u0080\u009f", "a\u0000b", "\u202eright to left override\u202c",
    "Ünïcödé çàfé naïve résumé Ångström œuvre straße ĳ ŉ ǆ", "e\u0301 é A\u030a Å \u212b o\u0302\u0323 ộ \u1e69 s\u0323\u0307 s\u0307\u0323",
    "q\u0307\u0323 \u0041\u0301\u0328 \u0344 \u0340\u0341\u0343 \u0374 \u037e \u0387 \u1fef \u2126 \u212a", "\u0301 leading mark", "a" + "\u0301" * 40,
    "ﬁ ﬂ ﬀ ﬃ ﬄ ﬅ ﬆ ½ ² ™ ℡ ㎏ ㍿ ㏂ Ａ１！ ｶﾞ ﷺ ﷽ ⑳ ⒈ ᴬ ₂", "İstanbul ısı SS ß ẞ ΣΑΣ σας ς Ω ω Ǆ ǅ ǆ Ꭰ ꭰ Ა ა", "\u1e9b\u0323 \u0958 \u0929 \u0dda \u0fb3",
    "Привет, мир! Съешь же ещё этих мягких французских булок. Ёё Йй", "Καλημέρα κόσμε, ἄνδρα μοι ἔννεπε", "Բարեւ աշխարհ", "გამარჯობა მსოფლიო ᲒᲐᲛ",
    "שלום עולם וְאָהַבְתָּ", "مرحبا بالعالم العَرَبِيَّة ﷲ ـــ", "سلام دنیا می‌خواهم", "नमस्ते दुनिया क्षत्रिय ज़्यादा", "বাংলা ভাষা ো ৌ", "தமிழ் மொழி ொ",
    "తెలుగు", "ಕನ್ನಡ", "മലയാളം ൊ", "සිංහල", "ภาษาไทย กำลัง น้ำ", "ພາສາລາວ ຳ", "မြန်မာစာ", "ភាសាខ្មែរ", "བོད་ཡིག ཀྵ", "አማርኛ ቋንቋ", "ᏣᎳᎩ", "ᠮᠣᠩᠭᠣᠯ",
    "日本語のテキスト、カタカナとひらがな。ガギグ が か\u3099 ハ\u309a", "中文文本，简体和繁體。你好世界！", "한국어 텍스트 각 \u1100\u1161\u11a8 가나다", "㐀㐁 𠀀𠀁 𪚥 丽 﨑 豈 更",
    "😀😃🤣 👍🏽 👩‍👩‍👧‍👦 🏳️‍🌈 🇩🇪🇫🇷 1️⃣ ☺️ ❤️‍🔥 🫠 🪿 🫨", "🧑🏿‍🚀🧑🏻‍🤝‍🧑🏾" * 3, "𝒜𝓁𝓅𝒽𝒶 𝔊𝔬𝔱𝔥 𝕄 Ⓐⓑ 🄰 🅰 🆎", "∀x∈ℝ: ⌈x⌉ = −⌊−x⌋, α∧¬β, ∑∏∫√∞≈≠≤≥±×÷", "→←↑↓ ■□▲△ ♠♥♦♣ ♩♪ ☃ ✓✗ ★☆ €£¥₿¢",
    "\ue000\ue001\uf8ff private \U000f0000\U0010fffd", "\u0378\u0379 unassigned \U0001fbff \U000e0080 \U00031350 \U0002ebf0", "\ufffe\uffff \U0001ffff \ufdd0",
    "new letters \u1c89\u1c8a \ua7cb\ua7dc \U00010d50\U00010d70 \U00016d40 \U000105c0 marks \u0897 \u0cf3 \u0ece digits \U0001ccf0\U00011bf0 x",
    "a\U00010d4ab \U00031350\U000323af1 \u2ffc\u31ef \U0001fae8\U0001fae9!", "\U0001d165\U0001d16e \u0f73\u0f75 \u1ab0 \u1dfa \u08d4x \u0c3cx",
    "\U000e0001\U000e0067\U000e0062\U000e007f tags \ufe0f\ufe0e \U000e0100", "▁ ▁▁ ▁a a▁ ▁▁▁b x▁▁▁▁y ▁", "Ġ ĠĠ Ċ ĠThe ĉ â ĢĻ", "<0x0A> <0xE2><0x96><0x81> <0x> <0xZZ> <0x0a>",
    "a" * 63, "a" * 64, "a" * 65, "ab" * 500, "A" * 2000, "loremipsumdolorsitamet" * 40, "=" * 300, "哈" * 200, "😀" * 70, "１" * 50, "9" * 100,
    "word " * 60, ("the cat sat on the mat " * 8).strip(), "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft",
    "<|endoftext|>", "<|endoftext|><|endoftext|>", " <|endoftext|> ", "a<|endoftext|>b", "<|endoftext|", "|endoftext|>", "<|endoftext|>\n<|endoftext|>\n",
    "<|im_start|>system\nYou are.<|im_end|>\n<|im_start|>user\nHi <b>there</b><|im_end|>\n<|im_start|>assistant\n", "<|im_start|><|im_end|><|im_start|>",
    "<s>a</s>", "<s> a </s> b", "</s>   x", "   </s>   </s>   ", "<s><s></s></s>", "<unk> <unk>x<unk>", "<|user|>\nHi<|end|>\n<|assistant|>\n Yes<|end|>",
    "<|user|>   \n\t  x", "<tool_call>{\"name\": \"f\"}</tool_call>", "<<s>>", "<|im_<|im_end|>start|>", "<|IM_END|> <|im_end |>", "text with <s in it and > too",
    "<r> x", "<r>   <r>  \n x", "x   <lr>    y", "x <lr> <lr>  y", "a <m b", "a  <m<r> <lr>  <m", "Word", "aWord", "Worda", "a Word b", "Word.", "_Word", "Word-Word", "éWord Wordé 1Word",
    "sing_le sing_lex xsing_le (sing_le)", "Éx éx E\u0301x ÉX aÉxb", "   <pad>   <pad>x", "x<pad>", "\u3000<pad>\u2028", "<pad>" * 5,
    "hello<s>Word<pad> <r> Éx<|endoftext|><|im_end|>sing_le", "\u00a0 leading nbsp", "  leading", "trailing  ", "\u2003\u2003both\u2003", "¯ x", " ¯x",
]


# Scripts and signs at random, and words without end.
FIRST_RANDOM = len(CORPUS)
dice = random.Random(20261126)
for blocks in ([(0x20, 0x17f)], [(0x300, 0x370), (0x61, 0x7b)], [(0x370, 0x530)], [(0x590, 0x780)], [(0x900, 0xe00)], [(0xe00, 0x1100)], [(0x1100, 0x1200), (0xac00, 0xd7a4)],
               [(0x1200, 0x1e00)], [(0x2000, 0x2c00)], [(0x3000, 0x3200), (0x4e00, 0x5000)], [(0xa000, 0xac00)], [(0xf900, 0xffff)], [(0x10000, 0x12000)],
               [(0x1d000, 0x1f000)], [(0x1f300, 0x1fb00), (0x200d, 0x200e), (0xfe0f, 0xfe10), (0x1f3fb, 0x1f400)], [(0x20000, 0x32000)], [(0x0, 0xd800), (0xe000, 0x110000)]):
    CORPUS.append("".join(chr(dice.randrange(*dice.choice(blocks))) + dice.choice(["", "", "", " ", "\n", "  ", "1", "'s", "."]) for _ in range(40)))
CORPUS += ["abcdefghij" * 1000, "нескончаемо" * 900, "ﬁé" * 1500, "0123456789" * 300, "\u0e01\u0e33" * 800, "Wo" * 600 + " " + "<|im_end|>" * 30, "\t \n" * 400]


def sample():
    """What the small tokenizers are trained on."""
    return ["the quick brown fox jumps over the lazy dog. The Quick! don't can't 12 345 6789",
            "naïve café résumé élan Ångström ﬁne ½ ² the cat sat on the mat, it's a hat",
            "日本語のテキスト 한국어 русский текст мир", "a_b-c (d) [e] {f} \"g\" it's we'll hello hello hello",
            "  two  spaces\tand\ttabs\nnewline\r\n end word word", "print(x, y) return value; 100 200 300"] * 3


def added():
    return [AddedToken("<s>", special=True, normalized=False), AddedToken("<pad>", special=True, normalized=True, lstrip=True),
            AddedToken("Word", single_word=True, normalized=False), AddedToken("Éx", normalized=True),
            AddedToken("<r>", rstrip=True, normalized=False), AddedToken("<lr> ", rstrip=True, lstrip=True, normalized=False),
            AddedToken(" <m", normalized=False), AddedToken("<|im_end|>", special=True, normalized=False),
            AddedToken("<|im_", normalized=False), AddedToken("sing_le", single_word=True, normalized=True)]


def make(name, normalizer=None, pre=None, decoder=None, post=None, change=None, trainer=None, tokens=True, size=330, **model):
    if (HERE / "small" / f"{name}.json").exists():  # training is not repeatable to the last merge; remove a file to have it anew
        return
    tokenizer = Tokenizer(models.BPE(**model))
    if normalizer:
        tokenizer.normalizer = normalizer
    if pre:
        tokenizer.pre_tokenizer = pre
    if decoder:
        tokenizer.decoder = decoder
    tokenizer.train_from_iterator(sample(), trainers.BpeTrainer(vocab_size=size, show_progress=False, **(trainer or {})))
    for token in added() if tokens else []:
        (tokenizer.add_special_tokens if token.special else tokenizer.add_tokens)([token])
    if post:
        tokenizer.post_processor = post(tokenizer)
    data = json.loads(tokenizer.to_str())
    if change:
        change(data)
    text = json.dumps(data, ensure_ascii=False, indent=None, separators=(",", ":"))
    assert len(text.encode()) < 100_000, name
    (HERE / "small" / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def small():
    (HERE / "small").mkdir(exist_ok=True)
    level = dict(trainer=dict(initial_alphabet=P.ByteLevel.alphabet()))
    every_byte = ["<0x%02X>" % byte for byte in range(256)]
    llama = N.Sequence([N.Prepend("▁"), N.Replace(" ", "▁")])
    llama_back = D.Sequence([D.Replace("▁", " "), D.ByteFallback(), D.Fuse(), D.Strip(" ", 1, 0)])
    qwen = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"

    def template(tokenizer):
        return processors.TemplateProcessing(single="<s> $A <|im_end|> <s>", pair="<s> $A $B",
                                             special_tokens=[(t, tokenizer.token_to_id(t)) for t in ("<s>", "<|im_end|>")])

    def roberta(tokenizer):
        return processors.Sequence([processors.ByteLevel(), processors.RobertaProcessing(("<pad>", tokenizer.token_to_id("<pad>")), ("<s>", tokenizer.token_to_id("<s>")))])

    def legacy(data):  # as older versions wrote it
        data["model"]["merges"] = ["#version: 0.2"] + [" ".join(merge) for merge in data["model"]["merges"]]
        del data["model"]["type"], data["model"]["ignore_merges"], data["model"]["byte_fallback"]

    def whole(data):
        data["model"]["ignore_merges"] = True
        data["model"]["merges"].reverse()

    make("byte_level", None, P.ByteLevel(add_prefix_space=True), D.ByteLevel(), roberta, **level)
    make("legacy", None, P.ByteLevel(add_prefix_space=False), D.ByteLevel(), change=legacy, **level)
    make("whole_pieces", None, P.ByteLevel(add_prefix_space=False), D.ByteLevel(), template, change=whole, **level)
    make("reversed_merges", None, P.ByteLevel(add_prefix_space=False, use_regex=False), D.ByteLevel(), change=lambda d: d["model"]["merges"].reverse(), **level)
    make("nfc_split", N.NFC(), P.Sequence([P.Split(Regex(qwen), "isolated"), P.ByteLevel(False, use_regex=False)]), D.ByteLevel(), **level)
    make("nfd_digits", N.NFD(), P.Sequence([P.Digits(True), P.ByteLevel(False)]), D.ByteLevel(), **level)
    make("nfkc_lower", N.Sequence([N.NFKC(), N.Lowercase()]), P.Sequence([P.Punctuation(), P.ByteLevel(False)]), D.ByteLevel(), **level)
    make("nfkd_strip", N.Sequence([N.Strip(True, True), N.NFKD()]), P.Sequence([P.Digits(False), P.ByteLevel(False, use_regex=False)]), D.ByteLevel(), **level)
    make("llama", llama, None, llama_back, template, trainer=dict(special_tokens=["<unk>"] + every_byte), size=420, unk_token="<unk>", fuse_unk=True, byte_fallback=True)
    make("some_bytes", llama, None, llama_back, trainer=dict(special_tokens=["<unk>"] + every_byte[0x80:0xe4]), size=330, unk_token="<unk>", byte_fallback=True)
    make("metaspace_first", None, P.Metaspace("▁", "first", True), D.Metaspace("▁", "first", True), unk_token="<unk>", fuse_unk=True, trainer=dict(special_tokens=["<unk>"]))
    make("metaspace_always", None, P.Metaspace("_", "always", False), D.Metaspace("_", "always", False), tokens=False)
    make("metaspace_never", N.Replace(Regex(r"\s{2,}"), " "), P.Metaspace("▁", "never", True), D.Metaspace("▁", "never", True), unk_token="<unk>", trainer=dict(special_tokens=["<unk>"]))
    make("affixes", None, P.Whitespace(), D.BPEDecoder("</w>"), unk_token="<unk>", end_of_word_suffix="</w>", continuing_subword_prefix="##",
         trainer=dict(special_tokens=["<unk>"], end_of_word_suffix="</w>", continuing_subword_prefix="##"))
    make("white_space", None, P.WhitespaceSplit(), D.Sequence([D.Replace(Regex("[aeiou]"), "*"), D.Strip("t", 2, 1)]), change=lambda d: d["decoder"]["decoders"].pop(1))
    make("no_decoder", None, P.CharDelimiterSplit("o"))
    # what is of no class becomes <unk>, so that classes of new code points show
    make("unicode_classes", None, P.Split(Regex(r"[\p{L}\p{N}\p{M}\p{P}\p{S}]"), "removed"), unk_token="<unk>", fuse_unk=True,
         trainer=dict(special_tokens=["<unk>"]), size=200)
    make("digits_words", None, P.Sequence([P.Digits(False), P.Whitespace()]), unk_token="<unk>", fuse_unk=True,
         trainer=dict(special_tokens=["<unk>"]), size=200)
    for behavior in ["removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous"]:
        make("split_" + behavior, None, P.Split(Regex(r"\s+|[aeiou]"), behavior), D.Fuse(), size=200, tokens=False)
    more()
    make("split_inverted", None, P.Sequence([P.Split("the", "merged_with_next"), P.Split(Regex(r"\w+"), "contiguous", invert=True), P.Split(Regex("x*"), "isolated")]), D.Fuse(), size=200, tokens=False)


# Patterns of published tokenizers, as their tokenizer.json has them.
O200K = "|".join([
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"\p{N}{1,3}", r" ?[^\s\p{L}\p{N}]+[\r\n/]*", r"\s*[\r\n]+", r"\s+(?!\S)", r"\s+"])
DEEPSEEK = [r"\p{N}{1,3}", "[一-龥぀-ゟ゠-ヿ]+",
            r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"]
DEEPSEEK_LLM = [r"[\r\n]", "\\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽΈ-ΊΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽ\u1c90-\u1cba\u1d00-\u1d2b\u1e00-\u1f15\u1f5f-\u1f7d\u1fd0-\u1fd3ℊ-ℓＡ-Ｚａ-ｚ𐐀-𐑏𞤀-𞥃]+",
                r"\s?[!-/:-~！-／：-～‘-‟　-。]+", r"\s+$", "[一-龥\u0800-一가-\ud7ff]+", r"\p{N}+"]
# NFKC in a few rows: SentencePiece's own table would make the file too long.
RULES = {"Ａ": "A", "ａ": "a", "１": "1", "ﬁ": "fi", "½": "1\u20442", "㎏": "kg", "e\u0301": "\u00e9", "ｶﾞ": "ガ", "か\u3099": "が", "\u3000": " ",
         "\u00a0": " ", "\u200b": " ", "\ufeff": " ", "\t": " ", "\n": " ", "\r": " ", "\u0001": "", "…": "...", "！": "!", "😀": ":)", "👍🏽": "+1"}


def isolated(patterns, last=P.ByteLevel(False, use_regex=False), digits=False):
    splits = [P.Split(Regex(pattern), "isolated") for pattern in patterns]
    return P.Sequence((splits[:-1] + [P.Digits(True)] + splits[-1:] if digits else splits) + [last])


def sentencepiece(name, **options):
    """A small SentencePiece model of the corpus; its name in small/, its bytes."""
    path = HERE / "small" / f"{name}.model"
    if not path.exists():
        text, rules = HERE / "train.txt", HERE / "rules.tsv"
        lines = [line for part in CORPUS + sample() for line in part.replace("\0", " ").splitlines() if line.strip() and len(line) < 400]
        text.write_text("\n".join(lines), encoding="utf-8")
        rules.write_text("".join(" ".join(f"{ord(c):X}" for c in a) + "\t" + " ".join(f"{ord(c):X}" for c in b) + "\n" for a, b in RULES.items()))
        if options.pop("rules", False):
            options["normalization_rule_tsv"] = str(rules)
        model = path.with_suffix("")
        spm.SentencePieceTrainer.train(input=str(text), model_prefix=str(model), hard_vocab_limit=False, character_coverage=0.98, minloglevel=2,
                                       vocab_size=1300, **options)
        model.with_suffix(".vocab").unlink(), text.unlink(), rules.unlink()
        proto = model_pb2.ModelProto()  # without the trainer's paths
        proto.ParseFromString(path.read_bytes())
        for field in ("input", "model_prefix"):
            proto.trainer_spec.ClearField(field)
        path.write_bytes(proto.SerializeToString())
        assert len(path.read_bytes()) < 100_000, name
    return path


def more():
    """The kinds of published tokenizers of which no fixture is at hand."""
    level = dict(trainer=dict(initial_alphabet=P.ByteLevel.alphabet()))
    neox = [AddedToken(" " * n, normalized=True) for n in range(24, 1, -1)]

    def spaces(data):  # GPT-NeoX adds runs of spaces as ordinary tokens
        first = len(data["model"]["vocab"]) + sum(t["id"] >= len(data["model"]["vocab"]) for t in data["added_tokens"])
        data["added_tokens"] += [dict(id=first + i, content=t.content, single_word=False, lstrip=False, rstrip=False, normalized=True, special=False)
                                 for i, t in enumerate(neox)]

    def whole(data):
        data["model"]["ignore_merges"] = True

    make("neox", N.NFC(), P.ByteLevel(False), D.ByteLevel(), change=spaces, **level)
    make("gpt_oss", None, isolated([O200K]), D.ByteLevel(), **level)
    make("deepseek_v3", None, isolated(DEEPSEEK), D.ByteLevel(), change=whole, **level)
    make("deepseek_llm", None, isolated(DEEPSEEK_LLM, digits=True), D.ByteLevel(), **level)
    make("bert", N.BertNormalizer(), P.BertPreTokenizer(), D.WordPiece("##"), unk_token="<unk>", continuing_subword_prefix="##",
         trainer=dict(special_tokens=["<unk>"], continuing_subword_prefix="##"))
    make("bert_cased", N.Sequence([N.BertNormalizer(clean_text=True, lowercase=False, handle_chinese_chars=False, strip_accents=True), N.StripAccents()]),
         P.Sequence([P.BertPreTokenizer(), P.FixedLength(4)]), D.CTC("a", "e", True), unk_token="<unk>", fuse_unk=True,
         trainer=dict(special_tokens=["<unk>"]))
    make("scripts", None, P.Sequence([P.UnicodeScripts(), P.WhitespaceSplit()]), unk_token="<unk>", fuse_unk=True, trainer=dict(special_tokens=["<unk>"]), size=200)
    make("byte_level_normalizer", N.Sequence([N.Nmt(), N.ByteLevel()]), None, D.ByteLevel(), **level)

    # what stands at the start after the text's first characters were left out or replaced together
    make("metaspace_first_filtered", N.Sequence([N.Nmt(), N.Replace(Regex(r"[ -]{2,}"), "x"), N.BertNormalizer(strip_accents=True)]), P.Metaspace("▁", "first", True),
         unk_token="<unk>", trainer=dict(special_tokens=["<unk>"]), size=200)
    # classes and ranges that other versions and syntaxes of Oniguruma have otherwise
    make("patterns", None, P.Sequence([P.Split(Regex("[[:punct:]]"), "removed"), P.Split(Regex("[^[:^punct:]x]"), "removed"), P.Split(Regex("[ࠀ-一Ḁ-ἕ]"), "removed"),
                                       P.Split(Regex(r"\p{Pd}|\p{Sm}|\p{Cf}|\p{Emoji}"), "removed"), P.Split(Regex(r"\N{3}"), "isolated")]),
         unk_token="<unk>", fuse_unk=True, trainer=dict(special_tokens=["<unk>"]), size=120)

    def spaces_of_both_kinds(data):  # " " is found and decoded as "▁", which is special
        own, size = data["model"]["vocab"]["▁"], len(data["model"]["vocab"])
        data["added_tokens"] = [dict(id=id, content=content, single_word=False, lstrip=False, rstrip=False, normalized=not special, special=special)
                                for id, content, special in ((own, "▁", True), (size, " ", False))]

    make("special_by_string", N.Replace(" ", "▁"), None, D.Fuse(), change=spaces_of_both_kinds, tokens=False, size=200)

    tekken("tekken_v3", None, default_vocab_size=1140, default_num_special_tokens=40, version="v3")
    tekken("tekken_v7", ["<unk>", "<s>", "</s>", "[INST]", "[/INST]", "<pad>", "[THINK]"], default_vocab_size=1060, default_num_special_tokens=12, version="v7")
    symbols = dict(user_defined_symbols=["<tool_call>", "▁▁", "▁▁▁▁", "\n\n", "Wor", "Word"], control_symbols=["<|im_start|>", "<|im_end|>"])
    sentencepiece("bpe_bytes", model_type="bpe", normalization_rule_name="identity", remove_extra_whitespaces=False, byte_fallback=True)
    sentencepiece("bpe_symbols", model_type="bpe", normalization_rule_name="identity", remove_extra_whitespaces=False, byte_fallback=True, add_dummy_prefix=False, **symbols)
    sentencepiece("bpe_rules", model_type="bpe", rules=True)
    sentencepiece("unigram_symbols", model_type="unigram", rules=True, byte_fallback=True, unk_surface="??", **symbols)
    sentencepiece("unigram_suffix", model_type="unigram", normalization_rule_name="identity", treat_whitespace_as_suffix=True)

    rules = sentencepiece("unigram_rules", model_type="unigram", rules=True, byte_fallback=True)
    proto = model_pb2.ModelProto()
    proto.ParseFromString(rules.read_bytes())
    tokens = [(piece.piece, piece.score) for piece in proto.pieces]
    table = N.Precompiled(proto.normalizer_spec.precompiled_charsmap)
    meta, meta_back = P.Metaspace("▁", "always", True), D.Metaspace("▁", "always", True)
    for name, options, normalizer, pre, decoder in [
            ("unigram", dict(unk_id=0), N.Sequence([table, N.Replace(Regex(" {2,}"), " ")]), meta, meta_back),
            ("unigram_bytes", dict(unk_id=0, byte_fallback=True), N.Sequence([N.Nmt(), N.NFKC(), N.Strip(False, True)]), P.Sequence([P.WhitespaceSplit(), meta]),
             D.Sequence([D.ByteFallback(), meta_back])),
            ("unigram_whole", dict(unk_id=0), table, None, D.Fuse())]:
        tokenizer = Tokenizer(models.Unigram(tokens, **options))
        tokenizer.normalizer, tokenizer.decoder = normalizer, decoder
        if pre:
            tokenizer.pre_tokenizer = pre
        for token in added():
            (tokenizer.add_special_tokens if token.special else tokenizer.add_tokens)([token])
        (HERE / "small" / f"{name}.json").write_text(json.dumps(json.loads(tokenizer.to_str()), ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")


    # Scores whose sums tie, or do not, by the last digit with which the library reads them.
    near = list(zip(["th", "le", "an", "or", "qu", "id"], ties(6)))
    letters = sorted(set("".join(CORPUS[:40])) - set("\0"))
    ours = {letter: -1.0 for letter in letters} | {pair[1]: score + 1 for pair, score in near}
    vocab = [["<unk>", 0.0]] + [list(entry) for entry in (ours | dict(near)).items()]
    model = {"type": "Unigram", "unk_id": 0, "vocab": vocab}
    file = {"version": "1.0", "added_tokens": [], "normalizer": None, "pre_tokenizer": None, "post_processor": None, "decoder": {"type": "Fuse"}, "model": model}
    (HERE / "small" / "unigram_ties.json").write_text(json.dumps(file, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")


def read_score(score):
    """What the library makes of a score in the file."""
    model = {"type": "Unigram", "unk_id": None, "vocab": [["a", score]]}
    return json.loads(Tokenizer.from_str(json.dumps({"version": "1.0", "added_tokens": [], "model": model})).to_str())["model"]["vocab"][0][1]


def ties(count):
    """Scores of which one and the rest, -1 and score + 1, sum to the score itself, but which the library reads one off."""
    dice = random.Random(5)
    while count:
        score = -1 - dice.random() * 5
        if (score + 1) - 1 == score and read_score(score) != score and read_score(score + 1) == score + 1:
            count -= 1
            yield score


TEKKEN = O200K.replace("(?i:'s|'t|'re|'ve|'m|'ll|'d)?", "").replace(r"\p{N}{1,3}", r"\p{N}")


def tekken(name, specials, **config):
    """A tekken.json of bytes and the merges of a small byte-level tokenizer; Mistral's own has 131,072 tokens."""
    path = HERE / "small" / f"{name}.json"
    if path.exists():
        return
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = isolated([TEKKEN])
    trained.train_from_iterator(sample() + CORPUS[:130], trainers.BpeTrainer(vocab_size=1100, initial_alphabet=P.ByteLevel.alphabet(), show_progress=False))
    source = json.loads(trained.to_str())["model"]
    letters = {letter: byte for byte, letter in zip([*range(33, 127), *range(161, 173), *range(174, 256)] + [b for b in range(256) if b < 33 or 126 < b < 161 or b == 173],
                                                    [*map(chr, [*range(33, 127), *range(161, 173), *range(174, 256)]), *(chr(256 + i) for i in range(68))])}
    tokens = [bytes([byte]) for byte in range(256)] + [bytes(letters[c] for c in "".join(merge)) for merge in source["merges"]]
    tokens = list(dict.fromkeys(tokens)) + ["日本".encode(), b" the quick brown", b"\n\n\n", b"\xf0\x9f\x98"]
    entries = [{"rank": i, "token_bytes": base64.b64encode(token).decode(), "token_str": None} for i, token in enumerate(tokens)]
    data = {"config": {"pattern": TEKKEN, "num_vocab_tokens": len(tokens), **config}, "vocab": entries}
    if specials:
        data["special_tokens"] = [{"rank": i, "token_str": token, "is_control": True} for i, token in enumerate(specials)]
    path.write_text(json.dumps(data, separators=(",", ":")) + "\n")
    assert len(path.read_bytes()) < 100_000


def tekken_results(path):
    """As mistral-common has it: special tokens first, text through tiktoken without any."""
    data = json.loads(path.read_text())
    count, size = data["config"]["default_num_special_tokens"], data["config"]["default_vocab_size"]
    ranks = {base64.b64decode(entry["token_bytes"]): entry["rank"] for entry in data["vocab"][: size - count]}
    encoding = tiktoken.Encoding(path.stem, pat_str=data["config"]["pattern"], mergeable_ranks=ranks, special_tokens={})
    found = {"text": [], "vocabulary": size, "prefix": [], "suffix": []}
    for text in CORPUS:
        ids = encoding.encode(text, disallowed_special=())
        decoded = encoding.decode(ids)
        found["text"].append(digest(" ".join(str(i + count) for i in ids), decoded, decoded))
    return found


def sentencepiece_results(path):
    """Text as SentencePiece encodes it; where special tokens are parsed, what is between them, only the text's start with the dummy
    prefix (transformers: legacy false), or each part with it (true)."""
    plain = spm.SentencePieceProcessor(model_file=str(path))
    proto = model_pb2.ModelProto()
    proto.ParseFromString(path.read_bytes())
    proto.normalizer_spec.add_dummy_prefix = False
    bare = spm.SentencePieceProcessor(model_proto=proto.SerializeToString())
    special = {piece.piece: i for i, piece in enumerate(proto.pieces) if piece.type in (2, 3)}
    split = re.compile("(" + "|".join(map(re.escape, sorted(special, key=len, reverse=True))) + ")")
    found = {"text": [], "parse_ids": [], "legacy_ids": [], "rows": [], "vocabulary": len(proto.pieces), "prefix": [], "suffix": []}
    for text in CORPUS:
        ids = plain.encode(text)
        found["text"].append(digest(" ".join(map(str, ids)), plain.decode(ids), plain.decode(ids)) if plain.unk_id() not in ids else digest(" ".join(map(str, ids))))
        for key, later in (("parse_ids", bare), ("legacy_ids", plain)):
            ids, at = [], 0
            for part in split.split(text):
                ids += [special[part]] if part in special else (later if at else plain).encode(part)
                at += len(part)
            found[key].append(digest(" ".join(map(str, ids))))
    for row in range(60):
        ids = [(row * 7919 + i * 104729 + row * row * i) % len(proto.pieces) for i in range(row % 9)]
        found["rows"].append(digest(plain.decode([i for i in ids if not plain.is_control(i) and not plain.is_unknown(i)])))
    return found


def digest(*parts):
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:8]


# Where characters are left out, or change places in a normal form, the library's offsets are not those of the text.
MARKED = ["affixes", "byte_level", "digits_words", "llama", "metaspace_first", "metaspace_never", "nfc_split", "nfkc_lower", "some_bytes", "whole_pieces"]
REORDERED = "\u0f73\u0f75"


def token_at(offsets, place):
    """The library's char_to_token; where that is None, the next token."""
    inside = (i for i, (begin, end) in enumerate(offsets) if begin <= place < end)
    after = (i for i, (begin, end) in enumerate(offsets) if begin >= place and begin < end)
    return next(inside, next(after, len(offsets)))


def marks(tokenizer):
    tokenizer.post_processor = processors.TemplateProcessing(single="$A", pair="$A $B", special_tokens=[])  # ByteLevel trims offsets
    for text in CORPUS:
        plain = text in CORPUS[:FIRST_RANDOM] or unicodedata.normalize("NFKC", text) == text
        offsets = tokenizer.encode(text, add_special_tokens=False).offsets if plain and len(text) < 600 and REORDERED not in text else None
        yield None if offsets is None else digest(" ".join(str(token_at(offsets, place)) for place in range(len(text) + 1)))


def results(path):
    if path.suffix == ".model":
        return sentencepiece_results(path)
    if path.stem.startswith("tekken"):
        return tekken_results(path)
    tokenizer = Tokenizer.from_file(str(path))
    found = {}
    for mode in ("parse", "text"):
        tokenizer.encode_special_tokens = mode == "text"
        found[mode] = []
        for text in CORPUS:
            ids = tokenizer.encode(text, add_special_tokens=False).ids
            found[mode].append(digest(" ".join(map(str, ids)), tokenizer.decode(ids, skip_special_tokens=False), tokenizer.decode(ids)))
    tokenizer.encode_special_tokens = False
    found["vocabulary"] = max(tokenizer.get_vocab().values()) + 1
    rows = [[(row * 7919 + i * 104729 + row * row * i) % found["vocabulary"] for i in range(row % 9)] for row in range(60)]
    found["rows"] = [digest(tokenizer.decode(row, skip_special_tokens=False), tokenizer.decode(row)) for row in rows]
    inner, whole = (tokenizer.encode("a b", add_special_tokens=flag).ids for flag in (False, True))
    at = next(i for i in range(len(whole)) if whole[i:i + len(inner)] == inner)
    found["prefix"], found["suffix"] = whole[:at], whole[at + len(inner):]
    if path.stem == "tokenizer" or path.stem in MARKED:
        found["marks"] = list(marks(tokenizer))
    return found


def main():
    (HERE / "corpus.json").write_text(json.dumps(CORPUS, indent=0) + "\n")
    small()
    paths = sorted((HERE / "small").glob("*.json")) + sorted((HERE / "small").glob("*.model"))
    other = lambda path: path.suffix == ".model" or path.stem.startswith("tekken")
    for name, pick in (("expected_small.json", lambda path: not other(path) and not path.stem.startswith("unigram")),
                       ("expected_unigram.json", lambda path: not other(path) and path.stem.startswith("unigram")), ("expected_other.json", other)):
        write(name, {path.name: results(path) for path in paths if pick(path)})
    if len(sys.argv) > 1:
        folders = [pathlib.Path(sys.argv[1]) / name for name in FIXTURES]
        files = [next(folder / file for file in ("tokenizer.json", "tokenizer.model") if (folder / file).exists()) for folder in folders]
        write("expected_fixtures.json", {name: results(file) for name, file in zip(FIXTURES, files)})


def write(name, expected):
    lines = ",\n".join(json.dumps(key) + ":" + json.dumps(value, separators=(",", ":")) for key, value in expected.items())
    (HERE / name).write_text("{" + lines + "}\n")


main()
