"""What is known of one public name: its documented sections, its paper, the recorded verdicts."""

import re
from dataclasses import dataclass, field, replace
from typing import Any

from unbend._docs import sections, source
from unbend._errors import UnknownNameError
from unbend._rooms import METHOD_ROOMS, Export, exports
from unbend.study._papers import Paper, papers


@dataclass(frozen=True)
class Card:
    """One public name with its docstring as data and the paper it comes from."""

    dotted: str
    signature: str
    sections: dict[str, str]
    paper: Paper | None
    latex: dict[str, str] = field(default_factory=dict[str, str])

    def json(self) -> dict[str, Any]:
        return {
            "name": self.dotted,
            "signature": self.signature,
            "sections": self.sections,
            "latex": self.latex,
            "paper": self.paper.json() if self.paper else None,
        }


def show(name: str, *, faces: bool = False) -> list[Card]:
    """The cards that `name` stands for: one public name, or all those of a paper given by its short name.

    Args:
        name: such as "GoLU", "mixers.LambdaLayer", "mish", "lambda".
        faces: whether to add what is computed of bends: derivative, facts, aliases, status, verdicts.
    """
    cards = _cards(name)
    return [_with_faces(card) for card in cards] if faces else cards


def _cards(name: str) -> list[Card]:
    everything = [export for room in METHOD_ROOMS for export in exports(room).values()]
    catalogue = papers()
    for paper in catalogue:
        if paper.name == name and paper.public:
            return [_card(e, paper) for e in everything if e.dotted in paper.public]
    wanted = name.removeprefix("unbend.")
    # An exact name comes first: GoLU is the class and golu the function; GOLU is either.
    exact = [e for e in everything if wanted in (e.name, f"{e.room}.{e.name}")]
    found = exact or [e for e in everything if e.name.lower() == wanted.lower()]
    if not found:
        return [_entry(name, wanted, everything, catalogue)]
    by_arxiv = {paper.arxiv: paper for paper in catalogue if paper.arxiv}
    return [_card(e, by_arxiv.get(e.arxiv) if e.arxiv else None) for e in found]


def _entry(name: str, wanted: str, everything: list[Export], papers: list[Paper]) -> Card:
    """The card of an entry of the catalogue of bends, under any of its names."""
    from unbend.activations import catalogue
    from unbend.activations._catalogue_base import document
    from unbend.activations._names import names, plain

    known = {plain(entry): entry for entry in catalogue()}
    made = names().get(plain(wanted), known.get(plain(wanted)))
    if made is None:
        options = [e.name for e in everything] + [paper.name for paper in papers] + [*catalogue(), *names()]
        raise UnknownNameError.of("name", name, options, "`unbend list` shows the rooms.")
    if not isinstance(made, str):
        (card,) = _cards(f"activations.{made.__name__}")
        return card
    (survey,) = [paper for paper in papers if paper.name == "four-hundred"]
    # A vector-valued entry that has no class is described, but not made.
    dotted = f"unbend.bend({made!r})" if plain(made) in names() else f"activations.catalogue()[{made!r}]"
    return Card(dotted, "", sections(document(catalogue()[made])), survey)


def _with_faces(card: Card) -> Card:
    """The card with what is computed of it, where it is that of a bend."""
    quoted = re.search(r"'(.*)'", card.dotted)
    if not (quoted or card.dotted.startswith("unbend.activations.")):
        return card
    from unbend.study._bends import latex_of, sections_of

    name = quoted[1] if quoted else card.dotted.rpartition(".")[2]
    try:
        told = sections_of(name)
        return replace(card, sections={**card.sections, **told}, latex=latex_of(name) if "Derivative" in told else {})
    except UnknownNameError:  # a helper of the room
        return card


def _card(export: Export, paper: Paper | None) -> Card:
    doc, signature = source(export.path)[export.name]
    return Card(export.dotted, signature, sections(doc), paper)
