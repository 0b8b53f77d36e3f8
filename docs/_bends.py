"""The pages of the bends: one for each family of the catalogue, and a picture for each class."""

import re
from collections.abc import Sequence
from html import escape

from unbend.study._bend_figure import drawable, picture
from unbend.study._curve import Curve, sample
from unbend.study._mathml import mathml
from unbend.study._portrait import Portrait, made, portraits
from unbend.study._portrait_words import parameters_text

STYLE = """<style>
.bend-sketch { float: right; width: 12rem; margin: 0 0 .5rem 1rem; }
.bend-sketch path { fill: none; stroke: currentColor; stroke-width: 2; vector-effect: non-scaling-stroke; }
.bend-sketch .axis { opacity: .3; stroke-width: 1; }
.bend-sketch .slope { stroke: #3b82c4; stroke-width: 1.2; }
.bend-sketch .curvature { stroke: #e08a1e; stroke-width: 1.2; }
math { font-family: "Latin Modern Math", "STIX Two Math", "Cambria Math", "DejaVu Math TeX Gyre", math; }
math .cases { border-left: 1.5px solid; border-radius: .5em 0 0 .5em; padding-left: .45em; }
math mtd { text-align: left; }
h3 { clear: both; }
</style>"""


def pages() -> dict[str, str]:
    """`path -> Markdown` of the families, and of the list of them."""
    shown = [portrait for portrait in portraits(faces=False) if portrait.kind != "layer"]
    families = list(dict.fromkeys(portrait.family for portrait in shown))
    made = {f"bends/{slug(name)}.md": family(name, [p for p in shown if p.family == name]) for name in families}
    return {"bends/index.md": index(shown, families), **made}


def index(shown: Sequence[Portrait], families: Sequence[str]) -> str:
    rows = [
        f"| [{name}]({slug(name)}.md) | {sum(p.family == name for p in shown)} "
        f"| {sum(p.family == name and not p.verified for p in shown) or ''} |"
        for name in families
    ]
    curved = sum(portrait.kind in ("class", "closed form") for portrait in shown)
    return "\n".join(
        [
            "# Bends",
            "",
            f"{len(shown)} nonlinearities of the literature, {curved} of them functions of one number with all",
            "their faces: `unbend.bend(NAME)` makes one, and [the guide](../guide/activations.md) says what it can.",
            "`unbend gallery` writes a page on which they can be searched, filtered by their facts, and overlaid.",
            "",
            "| family | bends | of them UNVERIFIED |",
            "|---|---|---|",
            *rows,
            "",
        ]
    )


def family(name: str, shown: Sequence[Portrait]) -> str:
    head = [STYLE, "", f"# {name}", "", "Value in ink, slope in blue, curvature in orange, on [-4, 4].", ""]
    return "\n".join([*head, *(line for portrait in shown for line in entry(portrait))])


def entry(portrait: Portrait) -> list[str]:
    """One bend of a family: its sketch, formula and provenance."""
    curved = portrait.kind in ("class", "closed form")
    own = f"../rooms/activations/{portrait.title}.md"
    title = f"[{portrait.title}]({own})" if portrait.kind == "class" else portrait.title
    drawn = sketch(sample(made(portrait.name)), portrait.title) if curved else ""
    doubt = "" if portrait.verified else f"<p><strong>{escape(portrait.status)}</strong></p>"
    told = {
        "parameters": parameters_text(portrait),
        "also called": ", ".join(portrait.aliases),
        "the same as": portrait.same,
        "year": portrait.year,
        "in the survey": portrait.place,
        "formula": portrait.status if portrait.verified else "",
        "note": portrait.note,
    }
    lines = "<br>".join(f"{label}: {escape(text)}" for label, text in told.items() if text)
    body = f"<div>{drawn}<p>{mathml(portrait.formula)}</p>{doubt}<p>{lines}</p></div>"
    return [f"### {title.replace('_', chr(92) + '_')} {{ #{slug(portrait.name)} }}", "", body.replace("\n", " "), ""]


def class_pictures() -> dict[str, str]:
    """What the page of each class that is a bend gets at its end: its picture."""
    return {p.title: class_picture(p) for p in portraits(faces=False) if p.kind == "class"}


def class_picture(portrait: Portrait) -> str:
    figure = picture(drawable(portrait.name)).inline.replace("\n", " ")
    family = f"[{portrait.family}](../../bends/{slug(portrait.family)}.md#{slug(portrait.name)})"
    lines = ["", "## Picture", "", f'<div style="overflow-x: auto">{figure}</div>', "", f"It is one of: {family}.", ""]
    return "\n".join(lines)


def sketch(curve: Curve, title: str) -> str:
    """A small drawing that follows the colours of the page."""
    width, height, reach = 200, 100, 4.0
    inside = curve.x.abs() <= reach
    x = curve.x[inside]
    value = curve.orders[0][inside]
    known = value[value.isfinite()].clamp(-5.2, 5.2)
    low, high = min(float(known.min()), 0.0) - 0.1, max(float(known.max()), 0.0) + 0.1
    span = max(high - low, 1.0)

    def path(kind: str, values: Sequence[float]) -> str:
        steps = [
            f"{(at + reach) / (2 * reach) * width:.1f} {min(max((high - y) / span, -1.0), 2.0) * height:.1f}"
            for at, y in zip(x.tolist(), values)
            if y == y
        ]
        return f'<path class="{kind}" d="M{"L".join(steps)}"/>' if steps else ""

    zero = f'<path class="axis" d="M0 {high / span * height:.1f}H{width}M{width / 2} 0V{height}"/>'
    parts = "".join(
        path(kind, order[inside].tolist())
        for kind, order in reversed(list(zip(("value", "slope", "curvature"), curve.orders)))
    )
    frame = f'class="bend-sketch" viewBox="0 0 {width} {height}" role="img" aria-label="{escape(title)}"'
    return f"<svg {frame}>{zero}{parts}</svg>"


def slug(name: str) -> str:
    """The name as part of an address."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
