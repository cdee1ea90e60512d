#!/usr/bin/env python3
"""Parses the report.html of a run with two parsers that are not ours and checks what must hold for it.
    tests/golden/check_report.py runs/quickstart
"""
import sys
import xml.etree.ElementTree
from html.parser import HTMLParser
from pathlib import Path

text = (Path(sys.argv[1]) / "report.html").read_text(encoding="utf-8")
root = xml.etree.ElementTree.fromstring(text)  # strict: every tag closed, every & and < of text escaped

ALLOWED = set("html head meta title style body main h1 h2 p span section div b small figure figcaption svg line text polygon polyline "
              "circle rect g table thead tbody tr th td code pre".split())


class Checker(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.tags, self.policy = [], {}, None

    def handle_starttag(self, tag, attributes):
        self.tags[tag] = self.tags.get(tag, 0) + 1
        assert tag in ALLOWED, f"unexpected element {tag}"
        for name, value in attributes:
            assert not name.startswith("on") and name not in ("src", "href", "style"), f"{tag} has {name}"
            if tag == "meta" and name == "http-equiv":
                self.policy = dict(attributes)["content"]
        self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        self.open.pop()

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-1:]}"
        self.open.pop()


checker = Checker()
checker.feed(text)
assert not checker.open, checker.open
assert checker.policy == "default-src 'none'; style-src 'unsafe-inline'; img-src data:", checker.policy
assert "http://" not in text and "https://" not in text
print(f"{len(text):,} characters, {sum(checker.tags.values()):,} elements, {checker.tags.get('figure', 0)} charts; well-formed, nothing fetched")
