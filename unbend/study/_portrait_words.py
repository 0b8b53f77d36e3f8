"""The facts of a bend in words, and the properties by which one looks for it."""

import math
import re
from collections.abc import Sequence

from unbend.activations._facts_base import Facts
from unbend.activations._outline_base import Line
from unbend.study._portrait import Portrait

# What can be asked of a bend: key, label, and what it means exactly.
PROPERTIES: dict[str, tuple[str, str]] = {
    "monotone": ("monotone", "never falls, or never rises"),
    "bounded": ("bounded", "its values lie between two finite numbers"),
    "below": ("bounded below", "its values stay above a finite number"),
    "smooth": ("smooth", "analytic, or at least twice continuously differentiable"),
    "zero": ("zero at zero", "f(0) = 0"),
    "odd": ("odd", "f(-x) = -f(x)"),
    "even": ("even", "f(-x) = f(x)"),
    "convex": ("convex", "its slope never falls"),
    "contraction": ("Lipschitz at most 1", "never stretches a distance"),
    "identity": ("identity at +∞", "tends to a line of slope 1 at plus infinity"),
    "saturates": ("dies at −∞", "tends to zero at minus infinity"),
    "trainable": ("trainable", "has parameters that are trained by default"),
    "gated": ("gated", "takes a second input as a gate"),
    "vector": ("of a row or map", "no function of a single number"),
    "distinct": ("no duplicate", "no other entry is the same function, or a family that holds it at fixed values"),
    "class": ("class of its own", "a first-class module, as against a formula of the catalogue"),
    "verdict": ("has a verdict", "a recorded study names it"),
    "verified": ("verified", "its formula was held against more than a transcription of the survey"),
    "unverified": ("UNVERIFIED", "its formula comes from a transcription only, or its sources are inconsistent"),
}


def properties(portrait: Portrait) -> set[str]:
    """Keys of `PROPERTIES` that hold of it."""
    found = {
        "trainable": portrait.learned,
        "gated": portrait.kind == "gated" or (portrait.kind == "layer" and "GLU" in portrait.title),
        "vector": portrait.kind in ("vector", "layer"),
        "distinct": not portrait.same,
        "class": portrait.kind in ("class", "layer"),
        "verdict": bool(portrait.findings),
        "verified": portrait.verified,
        "unverified": not portrait.verified,
    }
    if portrait.faces:
        found |= _of_facts(portrait.faces.facts)
    return {name for name, holds in found.items() if holds}


def _of_facts(facts: Facts) -> dict[str, bool]:
    return {
        "monotone": facts.monotone is not None,
        "bounded": all(map(math.isfinite, facts.value)),
        "below": math.isfinite(facts.value[0]),
        "smooth": facts.smooth >= 2,
        "zero": abs(facts.zero) < 1e-12,
        "odd": facts.symmetry == "odd",
        "even": facts.symmetry == "even",
        "convex": facts.curvature in ("convex", "linear"),
        "contraction": facts.lipschitz <= 1 + 1e-9,
        "identity": facts.right is not None and float(facts.right.slope) == 1.0,
        "saturates": facts.left is not None and float(facts.left.slope) == 0.0 == float(facts.left.offset),
    }


def fact_rows(portrait: Portrait) -> list[tuple[str, str]]:
    """Label and text of every fact of the faces, in order; empty where there are none."""
    if portrait.faces is None:
        return []
    facts, cost = portrait.faces.facts, portrait.faces.cost
    rows = [
        ("value at 0", number(facts.zero)),
        ("values", _range(facts.value)),
        ("slopes", _range(facts.slope)),
        ("Lipschitz constant", number(facts.lipschitz)),
        ("monotone", facts.monotone or "no"),
        ("curvature", facts.curvature or "both ways"),
        ("symmetry", facts.symmetry or "none"),
        ("smoothness", _smoothness(facts.smooth)),
        ("at −∞", _tail(facts.left, facts.period)),
        ("at +∞", _tail(facts.right, facts.period)),
        ("turns at", _points(facts.turns)),
        ("slope turns at", _points(facts.breaks)),
        ("fixed points", _fixed(facts.fixed)),
        ("period", "" if facts.period is None else number(facts.period)),
        ("Gaussian gain", "" if portrait.faces.gain is None else number(portrait.faces.gain)),
        ("operations", f"{cost.arithmetic} arithmetic, {cost.transcendental} transcendental"),
    ]
    return [(label, text) for label, text in rows if text]


def parameters_text(portrait: Portrait) -> str:
    """Names and defaults, and whether they are trained."""
    if not portrait.parameters:
        return ""
    listed = ", ".join(f"{name} = {number(value)}" for name, value in portrait.parameters.items())
    return listed + (" (trained)" if portrait.learned else " (fixed)")


def year_of(portrait: Portrait) -> int | None:
    """The first year that it names; a decade counts as its first year."""
    found = re.search(r"\d{4}", portrait.year)
    return int(found[0]) if found else None


def number(value: float) -> str:
    """Four digits, a real minus sign, and infinity as a sign."""
    if math.isnan(value):
        return "differs"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    return f"{value + 0.0:.4g}".replace("-", "−")


def _range(ends: tuple[float, float]) -> str:
    low, high = ends
    return f"{'(' if math.isinf(low) else '['}{number(low)}, {number(high)}{')' if math.isinf(high) else ']'}"


def _smoothness(smooth: float) -> str:
    words = {-1: "jumps", 0: "kinks", 1: "one continuous derivative", math.inf: "analytic"}
    return words.get(smooth, f"{smooth:.0f} continuous derivatives")


def _tail(line: Line | None, period: float | None) -> str:
    if line is None:
        return "" if period is None else "periodic"
    slope, offset = float(line.slope), float(line.offset)
    if math.isinf(slope):
        return "outgrows every line"
    if slope == 0:
        return f"→ {number(offset)}" if math.isfinite(offset) else f"→ {number(offset)}, slower than any line"
    head = {1.0: "x", -1.0: "−x"}.get(slope, f"{number(slope)} x")
    return f"→ {head}" + (f" {'−' if offset < 0 else '+'} {number(abs(offset))}" if offset else "")


def _points(points: Sequence[float]) -> str:
    more = f" and {len(points) - 6} more" if len(points) > 6 else ""
    return ", ".join(map(number, points[:6])) + more if points else "nowhere"


def _fixed(intervals: Sequence[tuple[float, float]]) -> str:
    shown = [number(low) if low == high else _range((low, high)) for low, high in intervals[:6]]
    more = f" and {len(intervals) - 6} more" if len(intervals) > 6 else ""
    return ", ".join(shown) + more if shown else "none"
