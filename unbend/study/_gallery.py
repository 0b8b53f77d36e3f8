"""The gallery: every bend on one HTML page that needs nothing beside it."""

import base64
import json
import math
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from unbend import __version__
from unbend._errors import UnbendError
from unbend.study._html import asset, document
from unbend.study._mathml import mathml
from unbend.study._portrait import Portrait, portraits
from unbend.study._portrait_words import PROPERTIES, fact_rows, parameters_text, properties, year_of

FILE = "gallery.html"

_SORTS = {
    "order": "catalogue",
    "name": "name",
    "year": "year",
    "cost": "operations, transcendental first",
    "lipschitz": "Lipschitz constant",
    "gain": "Gaussian gain",
}


def write_gallery(out: str | Path = FILE, only: Iterable[str] | None = None, *, jobs: int = 2) -> Path:
    """Write the page of all bends, or of some.

    Args:
        out: a file that ends in .html, or a folder, which is made when absent.
        only: names of the bends that are wanted; all when None.
        jobs: processes that compute the facts of the closed forms; all of them take about 50 s of computing.

    Returns:
        The path of the page.
    """
    path = Path(out)
    path = path if path.suffix.lower() in (".html", ".htm") else path / FILE
    text = page(portraits(only, jobs=jobs))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UnbendError(f"{path} cannot be written: {error}; make room, or name another file") from error
    return path


def page(shown: Sequence[Portrait]) -> str:
    """The page as text."""
    labels = list(dict.fromkeys(label for portrait in shown for label, _ in fact_rows(portrait)))
    held = [properties(portrait) for portrait in shown]
    data = {
        "labels": labels,
        "bends": [_data(portrait, labels, holds) for portrait, holds in zip(shown, held, strict=True)],
    }
    # Within a script element only "<" could end it.
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    cards = "\n".join(_card(place, portrait) for place, portrait in enumerate(shown))
    body = f"""{_head(shown)}
<form class="tools" role="search">
{_search(shown)}
{_filters(held)}
</form>
<div class="hall">
<section id="grid" aria-label="Bends">
<p id="none" hidden>No bend is like that. <button type="button" id="reset">Show all</button></p>
<ul>
{cards}
</ul>
</section>
{_BENCH}
</div>
<noscript><p>Searching, drawing and comparing need the script that is within this page.</p></noscript>
<script type="application/json" id="data">{text}</script>"""
    return document(
        "Bends: a gallery",
        body,
        styles=asset("report.css") + asset("gallery.css"),
        script=asset("gallery_plot.js") + asset("gallery.js"),
    )


_BENCH = """<aside id="bench" aria-label="Chosen bends">
<div class="handle"><button type="button" id="fold" aria-expanded="false" aria-controls="bench"></button></div>
<div class="plotbar">
<span role="group" aria-label="Curves">
<button type="button" data-order="0" aria-pressed="true">f</button>
<button type="button" data-order="1" aria-pressed="true">f′</button>
<button type="button" data-order="2" aria-pressed="true">f″</button>
</span>
<label>x to <select id="range"><option value="1">±1</option><option value="2">±2</option>
<option value="3">±3</option><option value="5" selected>±5</option></select></label>
<button type="button" id="save">SVG</button>
<button type="button" id="clear">Clear</button>
</div>
<div id="plot" tabindex="0" role="slider" aria-label="Cursor" aria-valuemin="-5" aria-valuemax="5"
 aria-valuenow="0"></div>
<div id="read" class="scroll"></div>
<div id="told"></div>
</aside>"""


def _head(shown: Sequence[Portrait]) -> str:
    drawn = sum(portrait.faces is not None for portrait in shown)
    doubtful = sum(not portrait.verified for portrait in shown)
    told = f" {doubtful} are UNVERIFIED: their formula was not checked against its source." if doubtful else ""
    return f"""<header>
<p class="kicker">unbend {escape(__version__)}</p>
<h1>Bends</h1>
<p>{drawn} functions of one number with their first and second derivative, and {len(shown) - drawn} that take a gate, a
row or a map.{told} Choose one to read it; overlay more with <b>+</b>.</p>
</header>"""


def _search(shown: Sequence[Portrait]) -> str:
    families = list(dict.fromkeys(portrait.family for portrait in shown))
    family = "".join(f"<option>{escape(name)}</option>" for name in families)
    sorts = "".join(f'<option value="{key}">{label}</option>' for key, label in _SORTS.items())
    return f"""<div class="row">
<label class="search"><span>Search</span><input id="q" type="search" autocomplete="off" spellcheck="false"
 placeholder="name, formula, family, year" aria-keyshortcuts="/"></label>
<label>Family <select id="family"><option value="">all</option>{family}</select></label>
<label>Sort by <select id="sort">{sorts}</select></label>
<button type="button" id="way" aria-pressed="false" title="the other way round">↓</button>
<output id="count" for="q family">{len(shown)}</output>
</div>"""


def _filters(held: Sequence[set[str]]) -> str:
    chips = "\n".join(
        f'<label title="{escape(meaning)}"><input type="checkbox" name="is" value="{key}">{escape(label)}'
        f" <small>{sum(key in holds for holds in held)}</small></label>"
        for key, (label, meaning) in PROPERTIES.items()
        if any(key in holds for holds in held)
    )
    return f"""<details class="chips" open><summary>Properties</summary><fieldset><legend>Only bends that are</legend>
{chips}
</fieldset></details>"""


def _card(place: int, portrait: Portrait) -> str:
    marks = [portrait.family, *([portrait.year] if portrait.year else [])]
    doubt = "" if portrait.verified else '<b class="doubt">UNVERIFIED</b>'
    verdicts = "".join(
        f'<b class="{kind.replace(" ", "-")}" title="{escape(kind)}">{sign}{count}</b>'
        for kind, sign in (("holds", "✓"), ("does not hold", "✗"), ("inconclusive", "?"))
        if (count := sum(finding.verdict == kind for finding in portrait.findings))
    )
    title = escape(portrait.title)
    figure = '<div class="thumb"></div>' if portrait.faces else f'<div class="thumb none">{_undrawn(portrait)}</div>'
    return f"""<li data-at="{place}">
<h3><button type="button" class="pick" aria-pressed="false">{title.replace("_", "_<wbr>")}</button></h3>
<button type="button" class="add" aria-label="overlay {title}" aria-pressed="false">+</button>
{figure}
<div class="formula">{mathml(portrait.formula)}</div>
<p class="marks"><span>{escape(", ".join(marks))}</span> {doubt}{verdicts}</p>
</li>"""


def _undrawn(portrait: Portrait) -> str:
    return {"gated": "of u and a gate v", "vector": "of a row or a map"}.get(portrait.kind, "a layer")


def _data(portrait: Portrait, labels: Sequence[str], holds: set[str]) -> dict[str, Any]:
    facts = dict(fact_rows(portrait))
    found: dict[str, Any] = {
        "name": portrait.name,
        "title": portrait.title,
        "kind": portrait.kind,
        "code": portrait.code,
        "family": portrait.family,
        "formula": portrait.formula,
        "computed": portrait.computed,
        "summary": portrait.summary,
        "parameters": parameters_text(portrait),
        "year": year_of(portrait),
        "when": portrait.year,
        "place": portrait.place,
        "status": portrait.status,
        "note": portrait.note,
        "aliases": list(portrait.aliases),
        "same": portrait.same,
        "paper": portrait.paper,
        "findings": [vars(finding) for finding in portrait.findings],
        "is": sorted(holds),
    }
    if portrait.faces:
        cost, lipschitz = portrait.faces.cost, portrait.faces.facts.lipschitz
        found |= {
            "facts": [facts.get(label, "") for label in labels],
            "cost": 1000 * cost.transcendental + cost.arithmetic,
            "lipschitz": lipschitz if math.isfinite(lipschitz) else None,
            "gain": portrait.faces.gain,
            "curve": [_packed(order) for order in portrait.faces.curve.orders],
            "fans": {
                name: [[float(f"{stop:.4g}"), _packed(values)] for stop, values in fan.items()]
                for name, fan in portrait.faces.fans.items()
            },
        }
    # What is absent says so by its absence.
    return {key: value for key, value in found.items() if value not in (None, "", [], (), {})}


def _packed(values: Tensor) -> str:
    """The bytes of float32 numbers, in base64."""
    narrow = values.float()
    return base64.b64encode(torch.where(narrow.isfinite(), narrow, torch.nan).numpy().astype("<f4").tobytes()).decode()
