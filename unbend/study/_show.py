"""What is known of one public name: its documented sections, its paper, the recorded verdicts."""

from dataclasses import dataclass
from typing import Any

from unbend._docs import sections, source
from unbend._errors import UnknownNameError
from unbend._rooms import METHOD_ROOMS, Export, closed_forms, exports
from unbend.study._papers import Paper, papers


@dataclass(frozen=True)
class Card:
    """One public name with its docstring as data and the paper it comes from."""

    dotted: str
    signature: str
    sections: dict[str, str]
    paper: Paper | None

    def json(self) -> dict[str, Any]:
        return {
            "name": self.dotted,
            "signature": self.signature,
            "sections": self.sections,
            "paper": self.paper.json() if self.paper else None,
        }


def show(name: str) -> list[Card]:
    """The cards that `name` stands for: one public name, or all those of a paper given by its short name."""
    everything = [export for room in METHOD_ROOMS for export in exports(room).values()]
    catalogue = papers()
    for paper in catalogue:
        if paper.name == name and paper.public:
            return [_card(e, paper) for e in everything if e.dotted in paper.public]
    wanted = name.removeprefix("unbend.")
    # An exact name comes first: GoLU is the class and golu the function; GOLU is either.
    exact = [e for e in everything if wanted in (e.name, f"{e.room}.{e.name}")]
    found = exact or [e for e in everything if e.name.lower() == wanted.lower()]
    if not found and wanted in closed_forms("activations"):
        return [_closed_form(wanted, catalogue)]
    if not found:
        known = [e.name for e in everything] + [paper.name for paper in catalogue] + [*closed_forms("activations")]
        raise UnknownNameError.of("name", name, known, "`unbend list` shows the rooms.")
    by_arxiv = {paper.arxiv: paper for paper in catalogue if paper.arxiv}
    return [_card(e, by_arxiv.get(e.arxiv) if e.arxiv else None) for e in found]


def _closed_form(name: str, catalogue: list[Paper]) -> Card:
    from unbend.activations import ClosedForm

    doc = ClosedForm(name).__doc__ or ""
    (survey,) = [paper for paper in catalogue if paper.name == "four-hundred"]
    return Card(f"unbend.bend({name!r})", "", sections(doc), survey)


def _card(export: Export, paper: Paper | None) -> Card:
    doc, signature = source(export.path)[export.name]
    return Card(export.dotted, signature, sections(doc), paper)
