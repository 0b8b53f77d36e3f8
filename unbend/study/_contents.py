"""What a report says, gathered once; HTML and Markdown only set it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

from unbend.study._draw import Figure
from unbend.study._figures import arms_figure, curves_figure, gain_figure, legend_figure
from unbend.study._record import Record, budget_dict
from unbend.study._spec import Study
from unbend.study._summary import Cells, plural
from unbend.study._tables import (
    METHOD,
    RESPLIT,
    arms_table,
    data_table,
    ended_table,
    environment_table,
    inputs_table,
    paper,
    slug,
    timings_table,
)
from unbend.study._verdict import Verdict, judge


@dataclass(frozen=True)
class Judged:
    """A verdict and its picture."""

    verdict: Verdict
    figure: Figure | None


class Contents:
    """Everything in the report of a study. Claims about timings stand apart, for they differ from run to run."""

    def __init__(self, study: Study, records: Iterable[Record], stale: frozenset[str], command: str | None) -> None:
        self.study = study
        self.cells = Cells(study, records)
        self.stale = sum(record.key in stale for record in self.cells.rows)
        self.paper = paper(study)
        self.command = command or self._command()
        self.arms = arms_table(self.cells, stale)
        self.data = [data_table(self.cells, data) for data in study.data if self.cells.plain]
        self.inputs = inputs_table(self.cells)
        self.ended = ended_table(self.cells)
        self.environment = environment_table(self.cells)
        self.timings = timings_table(self.cells)
        self._names: dict[str, int] = {}
        self.claims: list[Judged] = []
        self.timing_claims: list[Judged] = []
        for verdict in judge(study, self.cells.rows):
            timed = self.cells.metric(verdict.claim.metric).timing
            name = self._name("timings-claim" if timed else "claim", verdict.claim.text)
            (self.timing_claims if timed else self.claims).append(Judged(verdict, gain_figure(verdict, name)))

    @cached_property
    def arm_figures(self) -> list[Figure]:
        return self._drawn("arms", self.cells.plain, arms_figure)

    @cached_property
    def curve_figures(self) -> list[Figure]:
        logged = sorted({name for record in self.cells.rows for name in record.curves})
        drawn = self._drawn("curve", logged, curves_figure)
        legend = legend_figure(self.cells, self._name("curve", "legend")) if drawn else None
        return [*([legend] if legend else []), *drawn]

    @property
    def figures(self) -> list[Figure]:
        """Every figure of the report, in its order."""
        judged = [*self.claims, *self.timing_claims]
        return [*(j.figure for j in judged if j.figure), *self.arm_figures, *self.curve_figures]

    @property
    def planned(self) -> int:
        """How many cells the study asks for; more seeds than it names may have been run."""
        return len(self.cells.arms) * len(self.cells.data) * max(self.study.seeds, len(self.cells.seeds))

    @property
    def progress(self) -> str:
        """How far the study is, in words."""
        done = len(self.cells.rows)
        text = f"{done} of {self.planned} cells run"
        text += f", {len(self.cells.broken)} broken" if self.cells.broken else ""
        return text + (f", {self.stale} with older code, accepted as stale" if self.stale else "")

    @property
    def about(self) -> str:
        """Name, version and budget of the study."""
        budget = budget_dict(self.study.budget)
        return f"Study {self.study.name}, version {self.study.version}; {budget['value']:g} {budget['kind']} per cell"

    @property
    def method(self) -> str:
        """How the claims are judged."""
        return METHOD + (RESPLIT if self.study.overlap else "")

    @property
    def tally(self) -> str:
        """How many claims got which verdict, in words; the verdicts on timings stand with the timings."""
        words = [judged.verdict.verdict for judged in self.claims]
        counts = [f"{words.count(word)} {word}" for word in dict.fromkeys(words)]
        parts = [f"{plural(len(words), 'claim')}: {', '.join(counts)}"] if words else []
        parts += [f"{plural(len(self.timing_claims), 'claim')} about timings"] if self.timing_claims else []
        return "; ".join(parts) or "no claims"

    def _command(self) -> str:
        more = len(self.cells.seeds) > self.study.seeds
        return f"unbend study {self.study.name}" + (f" --seeds {len(self.cells.seeds)}" if more else "")

    def _drawn(self, kind: str, what: list[str], draw: Callable[[Cells, str, str, str], Figure | None]) -> list[Figure]:
        drawn = [
            draw(self.cells, name, data, self._name(kind, f"{name} {data}"))
            for name in what
            for data in self.cells.data
        ]
        return [figure for figure in drawn if figure is not None]

    def _name(self, kind: str, text: str) -> str:
        """A file name of its own for each figure, whatever two names have in common."""
        name = f"{kind}-{slug(text)}"
        self._names[name] = self._names.get(name, 0) + 1
        return name if self._names[name] == 1 else f"{name}--{self._names[name]}"
