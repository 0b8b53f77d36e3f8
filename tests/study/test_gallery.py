"""The gallery as text: complete, escaped, and alone."""

import base64
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
import torch

from unbend._errors import UnbendError
from unbend.activations import GoLU
from unbend.study._gallery import page, write_gallery
from unbend.study._portrait import Portrait, portraits
from unbend.study._portrait_words import PROPERTIES

HOSTILE = '</script><script>alert("x")</script><img src=x onerror=alert(1)>&'


@pytest.fixture(scope="module")
def few():
    row = Portrait("of_rows", "of_rows", "vector", "", "Vector-valued or reducing", "sort the row")
    return [*portraits(["golu", "mish", "hexpo", "SwiGLU"]), row]


def data(text: str) -> dict:
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)[1])


class Elements(HTMLParser):
    """Every element that a browser would see, with its attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))


def test_each_bend_has_a_card_and_its_data(few):
    text = page(few)
    assert text.count("data-at=") == 5
    bends = {bend["name"]: bend for bend in data(text)["bends"]}
    assert set(bends) == {"golu", "mish", "hexpo", "of_rows", "SwiGLU"}
    assert "curve" not in bends["of_rows"]
    assert "facts" not in bends["SwiGLU"]
    assert bends["golu"]["code"] == 'unbend.bend("golu")'
    assert "code" not in bends["of_rows"]
    assert text.count('<b class="doubt">UNVERIFIED</b>') == 1


def test_curves_are_those_of_the_library(few):
    (golu,) = [bend for bend in data(page(few))["bends"] if bend["name"] == "golu"]
    value, slope, _ = (np.frombuffer(base64.b64decode(order), "<f4") for order in golu["curve"])
    x = torch.linspace(-5, 5, len(value), dtype=torch.float64)
    np.testing.assert_allclose(value, GoLU()(x).numpy(), rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(slope, GoLU().slope(x).numpy(), rtol=1e-6, atol=1e-12)


def test_facts_stand_under_their_labels(few):
    read = data(page(few))
    place = read["labels"].index("Lipschitz constant")
    assert [bend["facts"][place] for bend in read["bends"][:2]] == ["1.113", "1.088"]
    assert all(len(bend["facts"]) == len(read["labels"]) for bend in read["bends"] if "facts" in bend)


def test_hostile_texts_are_texts():
    words = ("name", "title", "family", "formula", "summary", "year", "place", "status", "note")
    made = Portrait(**dict.fromkeys(words, HOSTILE), kind="vector", code=HOSTILE, aliases=(HOSTILE,))
    made = replace(made, paper=(HOSTILE, HOSTILE))
    text = page([made])
    elements = Elements(text).seen
    assert [tag for tag, _ in elements].count("script") == 2
    assert not [tag for tag, _ in elements if tag in ("img", "link")[:1]]
    assert not [name for _, attributes in elements for name in attributes if name.startswith("on")]
    assert data(text)["bends"][0]["formula"] == HOSTILE


def test_page_names_nothing_outside_itself(few):
    elements = Elements(page(few)).seen
    assert all((a.get("src") or a.get("href") or "data:").startswith("data:") for _, a in elements)
    (policy,) = [a["content"] for tag, a in elements if a.get("http-equiv") == "Content-Security-Policy"]
    assert "default-src 'none'" in policy


def test_only_properties_that_something_has_are_offered(few):
    offered = {a["value"] for tag, a in Elements(page(few)).seen if a.get("name") == "is"}
    assert offered < set(PROPERTIES)
    assert {"smooth", "unverified", "vector"} <= offered
    assert "even" not in offered


def test_file_or_folder(tmp_path):
    assert write_gallery(tmp_path / "a.html", ["SwiGLU"]) == tmp_path / "a.html"
    assert write_gallery(tmp_path / "new", ["SwiGLU"]) == tmp_path / "new" / "gallery.html"
    with pytest.raises(UnbendError, match="cannot be written"):
        write_gallery(tmp_path / "a.html" / "below", ["SwiGLU"])
