"""Which bends are the same function under different names, found by what they compute."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from itertools import permutations
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from unbend._errors import UnknownNameError
from unbend.activations._base import Bend
from unbend.activations._catalogue_base import Entry, catalogue, outputs
from unbend.activations._code_base import torch_function

Values = NDArray[np.float64]
How = Literal["same", "case", "family", "affine"]

# No point of symmetry and no whole number is among them; the last four show what happens far out.
_GRID = torch.cat([torch.linspace(-6, 6, 97).double() + 0.0137, torch.tensor([-25.1, -11.3, 11.2, 25.3]).double()])
_FITTED = 1e-7  # the greatest relative error of a fit that counts as equal
_ALIKE = 0.003  # share of the variance that may be left where one curve is laid over another by steps
_STATUS = "VKSTA"  # the best known name goes first


@dataclass(frozen=True)
class Coincidence:
    """Bend `name` can be had from bend `of`.

    Attributes:
        name: a name that `unbend.bend` knows.
        of: another.
        how: "same" where both are the same function by default, and the same family when their parameters move;
            "case" where the first has no parameters and is the second at `values`; "family" where it is the second at
            other than default values, whatever its own parameters; "affine" where a line before and one after are
            needed as well.
        values: parameters of the second.
        line: (a, b, c, d) such that the first is `a * of(b * x + c) + d`.
    """

    name: str
    of: str
    how: How
    values: Mapping[str, float] = field(default_factory=dict[str, float])
    line: tuple[float, float, float, float] = (1.0, 1.0, 0.0, 0.0)

    def __str__(self) -> str:
        if not self.values:
            return self.of
        return f"{self.of}({', '.join(f'{name}={value:g}' for name, value in self.values.items())})"


@dataclass(frozen=True, eq=False)
class _Family:
    """A function of x and of its parameters, on the grid."""

    name: str
    parameters: tuple[str, ...]
    start: tuple[float, ...]
    function: Any
    rank: tuple[int, ...]
    trained: bool

    def __call__(self, values: Sequence[float] | Values, x: torch.Tensor = _GRID) -> Values:
        with torch.no_grad():
            y = torch.as_tensor(self.function(x, *map(float, values)), dtype=x.dtype)
        return y.expand_as(x).numpy()

    def moved(self) -> list[list[float]]:
        """Two settings off the defaults."""
        return [[v * (1 + s * (i + 1)) + 0.7 * s * (v == 0) for i, v in enumerate(self.start)] for s in (0.13, -0.06)]


def duplicates() -> tuple[Coincidence, ...]:
    """Names that stand for the function of another name, in the order of the catalogue.

    Two functions are the same when they agree by default, and each finds parameters with which it agrees with the
    other off its defaults; whether the parameters are trained does not count. A function without parameters is a case
    of another that has one, or trains none of its own, and equals it by default; a class of the room is never one.

    Examples:
        >>> [str(found) for found in duplicates() if found.name in ("calu", "sielu")]
        ['atlu', 'gelu_tanh']
    """
    return _duplicates()


@cache
def _duplicates() -> tuple[Coincidence, ...]:
    found: list[Coincidence] = []
    for alike in _alike(list(_families().values())):
        fixed = [each for each in alike if not each.parameters]
        moving = [each for each in alike if each.parameters]
        groups = [fixed, *_same_families(moving)]
        found += [Coincidence(each.name, group[0].name, "same") for group in groups for each in group[1:]]
        wide = [group[0] for group in groups[1:] if len(group[0].parameters) == 1 or not group[0].trained]
        if fixed and wide and not _is_class(fixed[0]):
            of = min(wide, key=lambda each: (len(each.parameters), each.rank))
            values = dict(zip(of.parameters, of.start))
            found.append(Coincidence(fixed[0].name, of.name, "case", values))
    order = list(_families())
    return tuple(sorted(found, key=lambda each: order.index(each.name)))


def coincide(name: str, of: str) -> Coincidence | None:
    """How bend `name`, as it is by default, can be had from bend `of`; None where no way is found.

    Args:
        name: of a closed form, or of a bend of the room.
        of: the one that is to give it, with other parameters or between two lines.

    Examples:
        >>> coincide("sloped_relu", "positive_prelu")
        Coincidence(name='sloped_relu', of='positive_prelu', how='family', values={'a': 2.0}, line=(1.0, 1.0, 0.0, 0.0))
    """
    a, b = _family(name), _family(of)
    target = a(a.start)
    if _equal(target, b(b.start)):
        if _holds(a, b) and _holds(b, a):
            return Coincidence(name, of, "same")
        return Coincidence(name, of, "case", dict(zip(b.parameters, b.start)))
    values = _fit(target, b, [b.start, *_guesses(a, a.start, b)])
    if values is not None:
        return Coincidence(name, of, "family", dict(zip(b.parameters, _rounded(values))))
    line = _line(target, b)
    return None if line is None else Coincidence(name, of, "affine", line=line)


def relatives(name: str) -> list[str]:
    """Every bend that, as it is by default, is `name` between two lines, or under another name; takes seconds.

    Args:
        name: of a closed form, or of a bend of the room.
    """
    target = _family(name)(_family(name).start)
    others = [other for other in _families().values() if other.name != _family(name).name]
    return [other.name for other in others if _line(target, other) is not None]


@cache
def _families() -> dict[str, _Family]:
    """What is compared: closed forms, gated ones among them, and those bends of the room that the catalogue lacks."""
    names = import_module("unbend.activations._names")
    order = {name: place for place, name in enumerate(catalogue())}
    found: dict[str, _Family] = {}
    for entry in catalogue().values():
        if entry.kind != "vector":
            made = names.names()[names.plain(entry.name)]
            own = isinstance(made, type) and names.plain(made.__name__) == names.plain(entry.name)
            rank = (not own, _STATUS.index(entry.status), order[entry.name])
            start = tuple(entry.parameters.values())
            found[entry.name] = _Family(entry.name, tuple(entry.parameters), start, _code(entry), rank, entry.learned)
    spoken = {names.names()[names.plain(name)] for name in found}
    for made in dict.fromkeys(names.names().values()):
        if isinstance(made, type) and issubclass(made, Bend) and made not in spoken:
            found[made.__name__] = _of_class(made, len(found))
    return found


def _code(entry: Entry) -> Any:
    parameters = tuple(entry.parameters)
    if entry.kind == "bend":
        return torch_function(entry.code, parameters)
    gated = torch_function(outputs(entry.code)[0], ("v", *parameters))

    def function(x: torch.Tensor, *values: float) -> torch.Tensor:
        return gated(x, 0.3 - 0.9 * x.flip(0), *values)

    return function


def _of_class(made: type[Bend], place: int) -> _Family:
    bend = made(**made.examples[0].args)
    numbers = {name: value for name, value in bend.start.items() if isinstance(value, int | float)}
    rest = {name: value for name, value in bend.start.items() if name not in numbers}

    def function(x: torch.Tensor, *values: float) -> torch.Tensor:
        given = {**rest, **dict(zip(numbers, values))}
        return bend.function(x, *(given[name] for name in bend.start))

    trained = any(parameter.requires_grad for parameter in bend.parameters())
    return _Family(made.__name__, tuple(numbers), tuple(map(float, numbers.values())), function, (0, 0, place), trained)


def _family(name: str) -> _Family:
    names = import_module("unbend.activations._names")
    known = {names.plain(each): each for each in _families()}
    key = names.plain(name)
    if key not in known:
        made = names.names().get(key)
        key = names.plain(made if isinstance(made, str) else getattr(made, "__name__", ""))
    if key not in known:
        raise UnknownNameError.of("function of one number", name, _families())
    return _families()[known[key]]


def _is_class(family: _Family) -> bool:
    return not family.rank[0]


def _alike(families: Sequence[_Family]) -> Iterator[list[_Family]]:
    """Groups of those that agree by default, the best known first."""
    rows = np.stack([family(family.start) for family in families])
    left = list(range(len(families)))
    while left:
        group = [place for place in left if _equal(rows[left[0]], rows[place])]
        left = [place for place in left if place not in group]
        if len(group) > 1:
            yield sorted((families[place] for place in group), key=lambda family: family.rank)


def _same_families(alike: Sequence[_Family]) -> list[list[_Family]]:
    groups: list[list[_Family]] = []
    for family in alike:
        for group in groups:
            if _holds(family, group[0]) and _holds(group[0], family):
                group.append(family)
                break
        else:
            groups.append([family])
    return groups


def _holds(a: _Family, b: _Family) -> bool:
    """Whether `b` can be every function that `a` can be."""
    return all(
        _fit(a(values), b, _guesses(a, values, b)) is not None for values in (a.moved() if a.parameters else [[]])
    )


def _guesses(a: _Family, values: Sequence[float], b: _Family) -> list[Sequence[float]]:
    """Where to begin: at equal names, at the same numbers in any order, at the defaults."""
    named = {**dict(zip(b.parameters, b.start)), **dict(zip(a.parameters, values))}
    orders = permutations(values) if len(a.parameters) == len(b.parameters) <= 3 else ()
    return [[named[name] for name in b.parameters], *map(list, orders), b.start]


def _fit(target: Values, family: _Family, starts: Sequence[Sequence[float]]) -> Values | None:
    """Parameters with which the family agrees with the target."""
    known = np.isfinite(target)
    scale = 1 + np.abs(target[known])

    def off(values: Values) -> Values:
        return np.clip(np.nan_to_num((family(values)[known] - target[known]) / scale, nan=1e3), -1e3, 1e3)

    return _solved(off, starts)


def _solved(off: Any, starts: Sequence[Sequence[float]]) -> Values | None:
    from scipy.optimize import least_squares  # a third of a second, which who only wants a bend need not wait

    for start in starts:
        found = np.asarray(start, dtype=np.float64)
        with np.errstate(all="ignore"):
            if len(found) and np.abs(off(found)).max() > _FITTED:
                found = least_squares(off, found, method="lm", xtol=1e-15, ftol=1e-15, gtol=1e-15, max_nfev=200).x
            if np.abs(off(found)).max() < _FITTED:
                return found
    return None


def _line(target: Values, family: _Family) -> tuple[float, float, float, float] | None:
    """(a, b, c, d) such that `a * family(b * x + c) + d` is the target."""
    known = np.isfinite(target)
    scale = 1 + np.abs(target[known])

    def off(line: Values) -> Values:
        a, b, c, d = line
        y = a * family(family.start, b * _GRID + c)[known] + d
        return np.clip(np.nan_to_num((y - target[known]) / scale, nan=1e3), -1e3, 1e3)

    rows = _lookalikes(target, family)[:2]
    found = _solved(off, [tuple(row[:4]) for row in rows if row[4] < _ALIKE])
    return None if found is None else tuple(_rounded(found))  # pyright: ignore[reportReturnType] # four numbers


def _lookalikes(target: Values, family: _Family) -> Values:
    """Rows (a, b, c, d, error) such that `a * family(b * x + c) + d` is nearest the target; the nearest first."""
    stretch = np.geomspace(0.25, 4, 13)
    b, c = (part.ravel() for part in np.meshgrid(np.concatenate([stretch, -stretch]), np.linspace(-2, 2, 9)))
    known = np.isfinite(target) & (np.arange(len(target)) % 4 == 0)
    with np.errstate(all="ignore"):
        y = family(family.start, torch.as_tensor(b)[:, None] * _GRID[known] + torch.as_tensor(c)[:, None])
        b, c, y = (part[np.isfinite(y).all(1)] for part in (b, c, y))
        weight = 1 / (1 + np.abs(target[known])) ** 2
        weight /= weight.sum()
        t, u = target[known] - weight @ target[known], y - (y @ weight)[:, None]
        a = (u * t) @ weight / (u**2 @ weight)
        error = (weight * (t - a[:, None] * u) ** 2).sum(1) / (weight @ t**2)
    rows = np.stack([a, b, c, weight @ target[known] - a * (y @ weight), error], 1)
    rows = rows[np.isfinite(rows).all(1)]
    return rows[rows[:, 4].round(9).argsort(kind="stable")]


def _rounded(values: Values) -> list[float]:
    return [round(float(value), 6) + 0.0 for value in values]


def _equal(a: Values, b: Values) -> bool:
    return bool(np.allclose(a, b, rtol=1e-9, atol=1e-10, equal_nan=True))
