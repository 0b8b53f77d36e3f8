"""Kinds of thing, the checks that each must pass, and the two ways to run them."""

import copy
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from unbend._contract import Example
from unbend._errors import ArgumentError, UnbendError, UnknownNameError
from unbend.testing._subject import Subject

Run = Callable[[Subject], str | None]
R = TypeVar("R", bound=Run)


class ContractError(UnbendError, AssertionError):
    """A check does not hold; the message begins with its name."""


class Skip(Exception):
    """A check does not apply; the message says why."""


@dataclass(frozen=True)
class Check:
    """One sentence that must be true of every subject of a kind.

    `run` raises AssertionError where it is not, and may return what it has measured.
    """

    name: str
    kind: str
    says: str
    run: Run
    slow: bool = False


@dataclass
class Kind:
    """A kind of thing: which classes are of it, and what must hold of them. A class may be of several kinds."""

    name: str
    fits: Callable[[type], bool]
    checks: list[Check] = field(default_factory=list[Check])

    def check(self, run: R) -> R:
        """Register a function of a subject under its own name; the first line of its docstring is the sentence."""
        return self._add(run, slow=False)

    def slow_check(self, run: R) -> R:
        """The same for a check that takes long: `check` leaves it out, and pytest marks it slow."""
        return self._add(run, slow=True)

    def _add(self, run: R, slow: bool) -> R:
        says = (inspect.getdoc(run) or "").split("\n")[0]
        self.checks.append(Check(run.__name__, self.name, says, run, slow))
        return run


KINDS: dict[str, Kind] = {}


def kind(name: str, fits: Callable[[type], bool]) -> Kind:
    """Declare a kind; its checks are then registered with `@that_kind.check`."""
    if name in KINDS:
        raise ArgumentError.of("kind", name, "a name that no kind has yet")
    KINDS[name] = Kind(name, fits)
    return KINDS[name]


def checks_of(cls: type) -> list[Check]:
    """Every check that a class must pass, those of the most general kind first."""
    return [check for kind in KINDS.values() if kind.fits(cls) for check in kind.checks]


@dataclass(frozen=True)
class Case:
    """One check on one subject."""

    check: Check
    subject: Subject

    def __str__(self) -> str:
        return f"{self.subject}-{self.check.name}"

    def run(self) -> str | None:
        """Run the check, and return what it has measured; raises ContractError with its name, or Skip."""
        try:
            return self.check.run(self.subject)
        except (Skip, ContractError):
            raise
        except Exception as error:
            said = (str(error).splitlines() or [""])[0]
            what = said if isinstance(error, AssertionError) else f"{type(error).__name__}: {said}"
            raise ContractError(f"{self.check.name}: {self.subject}: {self.check.says} {what}") from error


def cases(subject: Any, examples: Sequence[Example] | None = None) -> Iterator[Case]:
    """Every case of a class, one set for each of its examples; or of an instance."""
    made = subject if isinstance(subject, type) else type(subject)
    checks = checks_of(made)
    if not checks:
        raise ArgumentError.of("subject", made.__name__, f"a class of a kind that is known: {', '.join(KINDS)}")
    declared: Sequence[Example] = examples or getattr(made, "examples", (Example(),))
    if not isinstance(subject, type):
        # An instance is one example by itself; it lends its input shape from the first that its class declares.
        declared = declared[:1]
    for number, example in enumerate(declared):
        make = subject if isinstance(subject, type) else lambda: copy.deepcopy(subject)
        name = made.__name__ + (f"[{number}]" if len(declared) > 1 else "")
        made_from = Subject(name, make, example, isinstance(subject, type))
        # What takes long is shown on one example of each class.
        yield from (Case(check, made_from) for check in checks if number == 0 or not check.slow)


def check(subject: Any, *examples: Example, only: str | None = None) -> Mapping[str, str]:
    """Hold a class or an instance to the contract of its kind, now.

    Args:
        subject: a class, built from its `examples`; or an instance.
        examples: how to build the class and what to feed it, where it declares none.
        only: the name of a single check.

    Returns:
        What came of each check: "holds" and what it measured, or "skipped" and the reason.

    Raises:
        ContractError: one line for every check that does not hold, with its name.
    """
    chosen = list(cases(subject, examples))
    if only is not None:
        known = {case.check.name for case in chosen}
        if only not in known:
            raise UnknownNameError.of("check", only, known)
    outcome: dict[str, str] = {}
    broken: list[str] = []
    for case in chosen:
        if case.check.name != only if only else case.check.slow:
            continue
        try:
            measured = case.run()
            outcome[str(case)] = "holds" + (f": {measured}" if measured else "")
        except Skip as reason:
            outcome[str(case)] = f"skipped: {reason}"
        except ContractError as error:
            broken.append(str(error))
    if broken:
        raise ContractError("\n".join(broken))
    return outcome


def contract(subject: Any, *examples: Example, skip: Mapping[str, str] | None = None) -> Callable[[Case], None]:
    """A pytest function with one item for each check: `test_mine = contract(MyBend)`.

    Args:
        subject: a class, built from its `examples`; or an instance.
        examples: how to build the class and what to feed it, where it declares none.
        skip: names of checks that do not apply, each with the reason.
    """
    return contracts([subject], *examples, skip=skip)


def contracts(
    subjects: Sequence[Any], *examples: Example, skip: Mapping[str, str] | None = None
) -> Callable[[Case], None]:
    """The same for several subjects."""
    import pytest  # the plain call must not need it

    excused = dict(skip or {})
    chosen = [case for subject in subjects for case in cases(subject, examples)]
    for name in excused.keys() - {case.check.name for case in chosen}:
        raise UnknownNameError.of("check in skip", name, {case.check.name for case in chosen})

    @pytest.mark.parametrize(
        "case", [pytest.param(case, id=str(case), marks=[pytest.mark.slow] * case.check.slow) for case in chosen]
    )
    def test(case: Case) -> None:
        if case.check.name in excused:
            pytest.skip(excused[case.check.name])
        try:
            case.run()
        except Skip as reason:
            pytest.skip(str(reason))

    return test
