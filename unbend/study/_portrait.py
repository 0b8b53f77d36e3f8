"""What can be told and drawn of each bend, and of each gated or vector-valued entry beside them."""

import inspect
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, Literal, cast, get_args

import torch
from joblib import Parallel, delayed
from torch import Tensor, nn

from unbend import activations
from unbend._docs import sections
from unbend._errors import ArgumentError, UnknownNameError
from unbend._rooms import exports
from unbend.activations import Bend, ClosedForm, catalogue
from unbend.activations._catalogue_base import STATUS, Entry
from unbend.activations._facts_base import Facts
from unbend.activations._formula_base import Cost
from unbend.activations._names import names, plain
from unbend.study import _ledger
from unbend.study._curve import Curve, sample, stops, value_at
from unbend.study._papers import papers

SURVEY = "2402.09092"
_CARRIERS = ("Bend", "ClosedForm", "GatedForm")  # not bends, but what bends and entries are made of
_ENOUGH = 40  # bends for which starting another process pays

Kind = Literal["class", "closed form", "gated", "vector", "layer"]
_KINDS = get_args(Kind)


@dataclass(frozen=True, eq=False)
class Faces:
    """What is computed from the code of a bend, for its parameters as they stand at the start.

    Attributes:
        curve: value, slope and curvature.
        facts: monotony, ranges and the like.
        cost: operations of the formula.
        gain: factor that keeps a second moment; None where there is none.
        fans: by parameter, the values of the curve for other values of that parameter.
    """

    curve: Curve
    facts: Facts
    cost: Cost
    gain: float | None
    fans: dict[str, dict[float, Tensor]] = field(default_factory=dict[str, dict[float, Tensor]])


@dataclass(frozen=True)
class Finding:
    """A recorded claim that names a bend."""

    study: str
    claim: str
    verdict: str
    low: float | None
    high: float | None
    seeds: int
    date: str


@dataclass(frozen=True, eq=False)
class Portrait:
    """One bend, or one entry that is no function of a single number.

    Attributes:
        name: what `unbend.bend` finds it by, or the name of the class or entry.
        title: the class as it is written, or the name of the entry.
        kind: a class or a closed form, which have faces; else a gated or a vector-valued entry, or a layer.
        code: what makes it, such as `unbend.bend("mish")`; empty for what is only described.
        family: section of the catalogue.
        formula: as the source prints it.
        computed: the formula that is computed, where it is another form of the same function.
        summary: what a class says of itself.
        parameters: names and defaults.
        learned: whether any of them is trained by default.
        year: of the original, approximate.
        place: where the survey has it.
        status: how well the formula is verified, in words.
        note: what must be known of it.
        aliases: further names.
        same: the entry that is the same function, or the family that it belongs to at fixed values.
        paper: title and arXiv number, which may be empty; or the whole reference where the paper list lacks it.
        findings: recorded claims.
        faces: curve, facts, cost and gain.
    """

    name: str
    title: str
    kind: Kind
    code: str
    family: str
    formula: str
    computed: str = ""
    summary: str = ""
    parameters: dict[str, float] = field(default_factory=dict[str, float])
    learned: bool = False
    year: str = ""
    place: str = ""
    status: str = ""
    note: str = ""
    aliases: tuple[str, ...] = ()
    same: str = ""
    paper: tuple[str, str] | None = None
    findings: tuple[Finding, ...] = ()
    faces: Faces | None = None

    @property
    def verified(self) -> bool:
        """Whether the formula was held against more than a transcription."""
        return not self.status.startswith("UNVERIFIED")


def portraits(only: Iterable[str] | None = None, *, faces: bool = True, jobs: int = 1) -> list[Portrait]:
    """Everything of the room: classes first, then the entries of the catalogue in its order, then layers.

    Args:
        only: names of those that are wanted; all when None.
        faces: whether to compute facts, curve and gain, which takes about 0.15 s for each closed form.
        jobs: processes that compute them.

    Raises:
        UnknownNameError: nothing has one of the names.
    """
    found = _described()
    if only is not None:
        found = [found[place] for place in dict.fromkeys(_place(name, found) for name in only)]
    if not faces:
        return found
    curved = [portrait.name for portrait in found if portrait.kind in ("class", "closed form")]
    jobs = min(jobs, 1 + len(curved) // _ENOUGH)
    batches = [curved[start::jobs] for start in range(jobs)]
    computed: dict[str, Faces] = {}
    for part in Parallel(n_jobs=jobs)(delayed(_all_faces)(batch) for batch in batches):
        computed |= cast("dict[str, Faces]", part)
    return [replace(portrait, faces=computed.get(portrait.name)) for portrait in found]


def faces_of(bend: Bend) -> Faces:
    """Curve, facts, cost and gain of a bend."""
    with torch.no_grad():
        second = bend.moments()[1]
    gain = second**-0.5 if 0 < second < float("inf") else None
    return Faces(sample(bend), bend.facts, bend.cost(), gain)


def _all_faces(batch: Sequence[str]) -> dict[str, Faces]:
    torch.set_num_threads(1)
    return {name: replace(faces_of(made(name)), fans=_fans(name)) for name in batch}


def _fans(name: str) -> dict[str, dict[float, Tensor]]:
    numbers = {key: float(value) for key, value in made(name).start.items() if isinstance(value, int | float)}
    fans = {key: _fan(name, key, value) for key, value in numbers.items()}
    return {key: fan for key, fan in fans.items() if fan}


def _fan(name: str, parameter: str, value: float) -> dict[float, Tensor]:
    found: dict[float, Tensor] = {}
    for stop in stops(value):
        try:
            found[stop] = value_at(made(name, **{parameter: stop}))
        except (ArgumentError, TypeError):  # a value that it refuses, or a parameter that is no argument
            continue
    return found


def made(name: str, **values: Any) -> Bend:
    """The bend in float64: a default given to a narrower parameter is not quite the default."""
    found = names()[plain(name)]
    if isinstance(found, str):
        return ClosedForm(found, dtype=torch.float64, **values)
    return _built(cast("type[Bend]", found), **values).double()


def _built(made: type[Bend], **values: Any) -> Bend:
    arguments: dict[str, Any] = {**made.examples[0].args, **values}
    arguments.pop("channels", None)  # one curve is drawn
    return made(**arguments)


def _needs_nothing(made: type[nn.Module]) -> bool:
    parameters = inspect.signature(made).parameters.values()
    return all(p.default is not p.empty or p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in parameters)


def _place(name: str, found: Sequence[Portrait]) -> int:
    known = [{portrait.name, portrait.title, *portrait.aliases} for portrait in found]
    # As it is written comes first: SwiGLU is a layer, and swiglu the gated unit in it.
    for near in (str, plain):
        for place, each in enumerate(known):
            if near(name) in map(near, each):
                return place
    raise UnknownNameError.of("bend", name, [portrait.name for portrait in found])


@cache
def _described() -> list[Portrait]:
    """All of them without faces, in order."""
    own: dict[str, list[Entry]] = {}
    others: dict[str, list[str]] = {}
    rest: list[Entry] = []
    for entry in catalogue().values():
        made: object = names().get(plain(entry.name), entry.name)
        if isinstance(made, type):
            own.setdefault(made.__name__, []).append(entry)
        elif made == entry.name:
            rest.append(entry)
        else:
            others.setdefault(str(made), []).append(entry.name)
    classes = [getattr(activations, name) for name in exports("activations")]
    found = [
        _of_class(made, own.get(made.__name__, []))
        for made in classes
        if isinstance(made, type) and issubclass(made, nn.Module) and made.__name__ not in _CARRIERS
    ]
    found += [_of_entry(entry, others.get(entry.name, [])) for entry in rest]
    return sorted(found, key=lambda portrait: _KINDS.index(portrait.kind))


def _of_class(made: type[nn.Module], entries: Sequence[Entry]) -> Portrait:
    doc = sections(inspect.getdoc(made) or "")
    export = exports("activations")[made.__name__]
    reference = " ".join(doc.get("References", "").split())
    year = re.search(r"\((\d{4})\)", reference)
    entry = entries[0] if entries else None
    name, code, parameters, learned = made.__name__, f"from unbend.activations import {made.__name__}", {}, False
    kind: Kind = "layer"
    known = [name for entry in entries for name in (entry.name, *entry.also)]
    if issubclass(made, Bend):
        kind, name = "class", _spelled(made.__name__)
        built = _built(made)
        parameters = {key: float(value) for key, value in built.start.items() if isinstance(value, int | float)}
        learned = any(parameter.requires_grad for parameter in built.parameters())
        code, known = f'unbend.bend("{name}")', [*made.aliases, *known]
    elif entry and _needs_nothing(made):
        code = f'unbend.bend("{entry.name}")'
    return Portrait(
        name=name,
        title=made.__name__,
        kind=kind,
        code=code,
        family=entry.family if entry else "Blocks and layers" if kind == "layer" else "Papers of their own",
        formula=doc.get("Formula", ""),
        summary=doc["Summary"],
        parameters=parameters,
        learned=learned,
        year=year[1] if year else "",
        status=STATUS[entry.status] if entry and entry.status in ("T", "A") else "held to its paper by tests",
        aliases=tuple(dict.fromkeys(alias for alias in known if alias != name)),
        paper=(_papers().get(export.arxiv or "", reference), export.arxiv or "") if reference else None,
        findings=_findings([name, *known]),
    )


def _of_entry(entry: Entry, aliases: Sequence[str]) -> Portrait:
    kind: Kind = "closed form" if entry.kind == "bend" else entry.kind
    return Portrait(
        name=entry.name,
        title=entry.name,
        kind=kind,
        code=f'unbend.bend("{entry.name}")' if kind != "vector" else "",
        family=entry.family,
        formula=entry.formula,
        computed=entry.stable,
        parameters=entry.parameters,
        learned=entry.learned,
        year=entry.year,
        place=entry.place,
        status=STATUS[entry.status],
        note=entry.note,
        aliases=(*aliases, *entry.also),
        same=entry.alias_of,
        paper=(_papers().get(SURVEY, "Three Decades of Activations"), SURVEY),
        findings=_findings([entry.name, *aliases, *entry.also]),
    )


def _spelled(made: str) -> str:
    """The name of the functional form of a class, which has the underscores that the class has not."""
    forms = [name for name in exports("activations") if name.islower() and plain(name) == plain(made)]
    return forms[0] if forms else made.lower()


@cache
def _papers() -> dict[str, str]:
    return {paper.arxiv: paper.title for paper in papers() if paper.arxiv}


@cache
def _own() -> set[str]:
    """Papers of this room: a softmax in a study of attention is no bend."""
    return {paper.name for paper in papers("activations")}


def _findings(known: Sequence[str]) -> tuple[Finding, ...]:
    """Recorded claims with an arm of one of these names."""
    wanted = {plain(name) for name in known}
    return tuple(
        Finding(
            study,
            claim["claim"],
            claim["verdict"],
            claim["low"],
            claim["high"],
            claim["seeds"],
            content["date"],
        )
        for study, content in _ledger.verdicts().items()
        if content["paper"] is None or content["paper"] in _own()
        for claim in content["claims"]
        if wanted & {plain(claim["a"]), plain(claim["b"])}
    )
