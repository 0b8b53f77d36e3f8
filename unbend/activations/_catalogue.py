"""The catalogue, searched by what is known of its entries and by what is computed of them."""

import re
from collections.abc import Iterable
from functools import cache
from importlib import import_module

from unbend._errors import ArgumentError, one_of
from unbend.activations._catalogue_base import STATUS, Entry, catalogue as every
from unbend.activations._facts_base import Facts

_KINDS = ("bend", "gated", "vector")


def catalogue(
    *,
    family: str | None = None,
    kind: str | None = None,
    learned: bool | None = None,
    year: int | tuple[int, int] | None = None,
    verified: bool | None = None,
    distinct: bool | None = None,
    smooth: bool | float | None = None,
    monotone: bool | None = None,
    bounded: bool | None = None,
    zero: bool | None = None,
) -> dict[str, Entry]:
    """Entries of the catalogue by name, those that are as asked; all when nothing is asked.

    Facts are computed, not written down: the last four take about a tenth of a second for each entry that passes the
    others, and are kept. They hold for the default parameters, and only "bend" entries have them.

    Args:
        family: the section, such as "ELU family", or part of its name, such as "elu"; case does not count.
        kind: "bend", "gated" or "vector".
        learned: whether the original trains its parameters.
        year: of the original, or the first and the last; a decade counts by its first year, an unknown year never.
        verified: whether the formula was held against more than a transcription of the survey.
        distinct: False for aliases, which are the same function as another entry.
        smooth: whether it is twice continuously differentiable; or how many derivatives must be continuous.
        monotone: whether it never falls, or never rises.
        bounded: whether its values lie between two finite numbers.
        zero: whether f(0) = 0.

    Examples:
        >>> list(catalogue(family="ELU family", year=(2015, 2017), monotone=True, smooth=1))
        ['elu', 'celu', 'isrlu', 'isru']
    """
    if kind is not None:
        one_of(_KINDS, kind=kind)
    found = [entry for entry in every().values() if kind in (None, entry.kind)]
    if family is not None:
        families = _families(family)
        found = [entry for entry in found if entry.family in families]
    known = {"learned": learned, "verified": verified, "distinct": distinct}
    for name, wanted in known.items():
        if wanted is not None:
            found = [entry for entry in found if _known(entry)[name] is wanted]
    if year is not None:
        first, last = (year, year) if isinstance(year, int) else year
        found = [entry for entry in found if first <= (year_of(entry) or -1) <= last]
    computed = {"monotone": monotone, "bounded": bounded, "zero": zero}
    for name, wanted in computed.items():
        if wanted is not None:
            found = [entry for entry in found if entry.kind == "bend" and _computed(entry.name)[name] is wanted]
    return {entry.name: entry for entry in _smooth(found, smooth)}


def _families(asked: str) -> list[str]:
    families = list(dict.fromkeys(entry.family for entry in every().values()))
    exact = [family for family in families if family.lower() == asked.lower()]
    near = exact or [family for family in families if asked.lower() in family.lower()]
    if not near:
        raise ArgumentError.of("family", asked, f"one of {', '.join(families)}, or part of it")
    return near


def _known(entry: Entry) -> dict[str, bool]:
    return {
        "learned": entry.learned,
        "verified": not STATUS[entry.status].startswith("UNVERIFIED"),
        "distinct": not entry.alias_of or "(" in entry.alias_of,
    }


def _computed(name: str) -> dict[str, bool]:
    facts = _facts(name)
    return {
        "monotone": facts.monotone is not None,
        "bounded": all(abs(end) < float("inf") for end in facts.value),
        "zero": abs(facts.zero) < 1e-12,
    }


def _smooth(entries: Iterable[Entry], smooth: bool | float | None) -> list[Entry]:
    if smooth is None:
        return list(entries)
    least = 2 if isinstance(smooth, bool) else smooth
    wanted = smooth is not False
    return [entry for entry in entries if entry.kind == "bend" and (_facts(entry.name).smooth >= least) is wanted]


@cache
def _facts(name: str) -> Facts:
    return import_module("unbend.activations").ClosedForm(name).facts


def year_of(entry: Entry) -> int | None:
    """The first year that the entry names."""
    found = re.search(r"\d{4}", entry.year)
    return int(found[0]) if found else None
