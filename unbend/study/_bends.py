"""What the activations room holds: which of its names are bends of their own, and what is known of one of them."""

from dataclasses import dataclass
from typing import Any

from unbend._errors import ArgumentError
from unbend.activations import catalogue, symbolic
from unbend.activations._names import names, plain
from unbend.study._portrait import Portrait, portraits
from unbend.study._portrait_words import fact_rows, number, parameters_text


@dataclass(frozen=True)
class Count:
    """How many names of the room are bends of their own.

    Attributes:
        distinct: what `unbend.bend` makes, each function family once.
        aliases: entries of the catalogue that are the same function family as another under another name.
        cases: those among the distinct that another family reaches at fixed values, such as `adaptive_slope_sigmoid`
            the sigmoid at a = 1.
        layers: blocks and layers of the room, which are made from their classes.
        unverified: entries whose formula was not held against its original.
        names: all names that `unbend.bend` knows.
    """

    distinct: int
    aliases: int
    cases: int
    layers: int
    unverified: int
    names: int

    def __str__(self) -> str:
        return (
            f"{self.distinct} distinct bends that `unbend.bend` makes, under {self.names} names. {self.aliases} "
            "entries of the catalogue are aliases: the same function as another.\n"
            f"{self.cases} of the distinct are another's at a fixed value, as sigmoid is adaptive_slope_sigmoid(a=1).\n"
            f"{self.unverified} formulas are UNVERIFIED. {self.layers} layers beside them."
        )


def listing() -> tuple[list[dict[str, str]], Count]:
    """A row for everything in the room, and the count of it."""
    shown = portraits(faces=False)
    made = [portrait for portrait in shown if plain(portrait.title) in names()]
    aliases = [portrait for portrait in made if portrait.same and "(" not in portrait.same]
    absorbed = [entry.name for entry in catalogue().values() if entry.alias_of and _is_class(entry.name)]
    count = Count(
        distinct=len(made) - len(aliases),
        aliases=len(aliases) + len(absorbed),
        cases=sum("(" in portrait.same for portrait in made),
        layers=sum(portrait.kind == "layer" for portrait in shown) - sum(p.kind == "layer" for p in made),
        unverified=sum(not portrait.verified for portrait in shown),
        names=len(names()),
    )
    return [_row(portrait) for portrait in shown], count


def _is_class(name: str) -> bool:
    return not isinstance(names().get(plain(name)), str)


def _row(portrait: Portrait) -> dict[str, str]:
    formula = f"y = {portrait.formula}" if portrait.kind not in ("class", "layer") else portrait.summary
    same = f"= {portrait.same}; " if portrait.same else ""
    doubt = "" if portrait.verified else f" [{portrait.status.partition(':')[0]}]"
    return {
        "name": portrait.title,
        "summary": f"{same}{formula}{doubt}",
        "arxiv": portrait.paper[1] if portrait.paper and portrait.kind in ("class", "layer") else "",
        "alias_of": portrait.same,
        "status": portrait.status,
    }


def sections_of(name: str) -> dict[str, str]:
    """What is computed of a bend, by heading: derivative, parameters, facts, aliases, status, verdicts.

    Args:
        name: a name of the room; of what is no bend nothing is computed, and little is told.
    """
    (portrait,) = portraits([name])
    formulas = latex_of(name) if portrait.faces or portrait.kind == "gated" else {}
    told = {
        "Derivative": formulas["derivative"] if formulas else "",
        "Parameters": parameters_text(portrait),
        "Facts": "\n".join(f"{label:20}{text}" for label, text in fact_rows(portrait)),
        "Also called": ", ".join(alias for alias in portrait.aliases if plain(alias) != plain(portrait.title)),
        "The same as": portrait.same,
        "Family": ", ".join(text for text in (portrait.family, portrait.year) if text),
        "Status": portrait.status,
        "Verdicts": "\n".join(_finding(finding) for finding in portrait.findings),
    }
    return {heading: text for heading, text in told.items() if text}


def _finding(finding: Any) -> str:
    ends = ", ".join("-" if end is None else number(end) for end in (finding.low, finding.high))
    return f"{finding.verdict}: {finding.claim}  [{ends}], {finding.seeds} seeds ({finding.study}, {finding.date})"


def latex_of(name: str) -> dict[str, str]:
    """The formula of a bend and its derivative, as text and as LaTeX; empty for what is no formula."""
    try:
        found = symbolic(name)
    except ArgumentError:
        return {}
    by = "u" if "u" in map(str, found.expression.free_symbols) else "x"
    return {
        "derivative": f"dy/d{by} = {found.derivative}",
        "latex": found.latex,
        "derivative_latex": found.derivative_latex,
    }
