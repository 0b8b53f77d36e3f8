"""The records of a study as a table of cells: what each counts as, and means per arm and data set. Needs no NumPy."""

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from unbend.study._record import Record
from unbend.study._spec import Metric, Study

BROKEN = ("failed", "diverged", "killed", "timeout")


@dataclass(frozen=True)
class Counted:
    """The value of a metric that a cell counts as; `worst` when the cell gave none itself."""

    value: float
    worst: bool


@dataclass(frozen=True)
class Spread:
    """Mean, standard deviation and number of some values; all of an empty selection is None."""

    mean: float | None
    deviation: float | None
    count: int

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        if not values:
            return cls(None, None, 0)
        return cls(statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None, len(values))


class Cells:
    """The records that belong to a study as it stands, one per (arm, data set, seed); of several, the last one.

    Records of arms, data sets or versions that the study does not name are left out.
    """

    def __init__(self, study: Study, records: Iterable[Record]) -> None:
        self.study = study
        self.arms = list(study.arms)
        self.data = list(study.data)
        self._metrics = {metric.name: metric for metric in study.metrics}
        self.by_name: dict[tuple[str, str, int], Record] = {
            (record.arm, record.data, record.seed): record
            for record in records
            if record.arm in study.arms and record.data in study.data and record.version == study.version
        }

    @cached_property
    def rows(self) -> list[Record]:
        """All cells, by data set, arm (both as the study orders them) and seed."""
        order = {name: place for place, name in enumerate(self.arms)}
        sets = {name: place for place, name in enumerate(self.data)}
        return sorted(self.by_name.values(), key=lambda r: (sets[r.data], order[r.arm], r.seed))

    @cached_property
    def seeds(self) -> list[int]:
        return sorted({seed for _, _, seed in self.by_name})

    @cached_property
    def broken(self) -> list[Record]:
        """Cells that ended without a result, in the order of `rows`."""
        return [record for record in self.rows if record.status in BROKEN]

    @cached_property
    def plain(self) -> list[str]:
        """Metrics that the same code measures the same again."""
        return [metric.name for metric in self.study.metrics if not metric.timing]

    @cached_property
    def environment(self) -> dict[str, str]:
        """What the cells ran on; values that differ between cells stand side by side."""
        found: dict[str, set[str]] = {}
        for record in self.rows:
            for name, value in {**record.env, "threads": str(record.threads), "dtype": record.dtype}.items():
                found.setdefault(name, set()).add(value)
        return {name: ", ".join(sorted(found[name])) for name in sorted(found)}

    def metric(self, name: str) -> Metric:
        return self._metrics[name]

    def of(self, arm: str, data: str) -> list[Record]:
        """The cells of an arm on a data set, by seed."""
        return self._by_arm.get((arm, data), [])

    def count(self, arm: str, data: str, *statuses: str) -> int:
        """How many cells of an arm on a data set ended in one of `statuses`."""
        return sum(record.status in statuses for record in self.of(arm, data))

    def skipped(self, arm: str, data: str) -> bool:
        """Whether the arm declined the data set: it has cells there, and skipped every one."""
        found = self.of(arm, data)
        return bool(found) and all(record.status == "skipped" for record in found)

    def counted(self, metric: str, arm: str, data: str, seed: int) -> Counted | None:
        """The value that a cell counts as; None when it was not run, was skipped, or nothing can stand in for it."""
        record = self.by_name.get((arm, data, seed))
        if record is None or record.status == "skipped":
            return None
        value = measured(record, metric)
        if value is not None:
            return Counted(value, worst=False)
        worst = self.worst(metric, data)
        return None if worst is None else Counted(worst, worst=True)

    def worst(self, metric: str, data: str) -> float | None:
        """What a cell without a value counts as: the metric's declared worst, else the worst that any cell had."""
        declared = self.metric(metric)
        if declared.worst is not None:
            return declared.worst
        values = self._observed.get((metric, data))
        if not values:
            return None
        return min(values) if declared.better == "higher" else max(values)

    def values(self, metric: str, arm: str, data: str) -> list[float]:
        """What the arm's cells on a data set count as, by seed."""
        found = (self.counted(metric, arm, data, record.seed) for record in self.of(arm, data))
        return [counted.value for counted in found if counted is not None]

    def spread(self, metric: str, arm: str, data: str) -> Spread:
        return Spread.of(self.values(metric, arm, data))

    def overall(self, metric: str, arm: str) -> float | None:
        """Mean over data sets of the arm's means; None unless it has one on every data set that it did not skip."""
        means = [self.spread(metric, arm, data).mean for data in self.data if not self.skipped(arm, data)]
        present = [mean for mean in means if mean is not None]
        return statistics.fmean(present) if present and len(present) == len(means) else None

    @cached_property
    def _observed(self) -> dict[tuple[str, str], list[float]]:
        found: dict[tuple[str, str], list[float]] = {}
        for record in self.rows:
            for name in self._metrics:
                value = measured(record, name)
                if value is not None:
                    found.setdefault((name, record.data), []).append(value)
        return found

    @cached_property
    def _by_arm(self) -> dict[tuple[str, str], list[Record]]:
        found: dict[tuple[str, str], list[Record]] = {}
        for record in self.rows:
            found.setdefault((record.arm, record.data), []).append(record)
        return found


def measured(record: Record, metric: str) -> float | None:
    """The metric as a finished cell measured it, timings included; None for any other cell."""
    if record.status != "ok":
        return None
    value = record.metrics.get(metric, record.timings.get(metric))
    return value if value is not None and math.isfinite(value) else None


def number(value: float | None, digits: int = 4) -> str:
    """A number for readers: so many significant digits, no exponent within reach, and never minus zero."""
    if value is None:
        return "—"
    if value != 0 and not 1e-4 <= abs(value) < 1e7:
        return f"{value:.{digits - 1}e}"
    text = f"{value:.{digits}g}"
    if "e" in text:
        text = f"{value:.0f}"
    return "0" if float(text) == 0 else text


def decimals_for(values: Sequence[float | int | None], digits: int = 4) -> int | None:
    """Decimals for numbers that are read together: the largest shows so many significant digits.

    None where they are too large or too small to be written out.
    """
    sizes = [abs(value) for value in values if isinstance(value, float) and abs(value) > 0]
    if not sizes:
        return 0
    return max(0, digits - math.ceil(math.log10(max(sizes)))) if 1e-9 < max(sizes) < 1e15 else None


def fixed(value: float | int | None, decimals: int | None) -> str:
    """A number with so many decimals (whole numbers have none), or in short where `decimals` is None."""
    if value is None or decimals is None:
        return number(value)
    if isinstance(value, int):
        return f"{value:,}"
    # Rounding first and adding nought keeps what is too small to show from showing as minus zero.
    return f"{round(value, decimals) + 0:,.{decimals}f}"


def plural(count: int, noun: str) -> str:
    """`1 seed`, `2 seeds`."""
    return f"{count} {noun}{'' if count == 1 else 's'}"
