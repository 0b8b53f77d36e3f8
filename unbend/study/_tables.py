"""The tables of a report as plain data; HTML, Markdown and CSV print them."""

import csv
import re
import statistics
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from unbend._rooms import ROOT
from unbend.study._record import Record, canonical
from unbend.study._spec import Claim, Study
from unbend.study._summary import BROKEN, Cells, decimals_for, fixed, measured, number, plural
from unbend.study._verdict import Gain, Verdict

Value = str | float | int | None

SCALE = "Reduced scale: tests the direction, not the paper's number."

METHOD = (
    "Gains are paired by data set and seed, averaged over data sets seed by seed, and positive where the first arm "
    "of the claim is better. The 95 % interval is the wider, on either side, of Student's t and the BCa bootstrap; p "
    "is the exact two-sided sign-flip test of no difference (sampled beyond 16 seeds), Holm-adjusted over the claims. "
    "Cells that failed, diverged, were killed or ran out of time count as the metric's worst value."
)


RESPLIT = (
    " The seeds re-split the same rows, so their results depend on each other, and the t interval is widened for it "
    "(Nadeau and Bengio)."
)

ARMS_LISTED = "Means over the data sets, each the mean over its seeds; broken cells count as the worst value."
ARMS_DRAWN = "A dot is a seed, the large dot their mean, the bar its 95 % interval; cells that broke are left out."


@dataclass(frozen=True)
class Table:
    """Rows under columns; `name` is for links and file names, `title` for readers."""

    name: str
    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Value]] = field(default_factory=list[Sequence[Value]])


def arms_table(cells: Cells, stale: Collection[str]) -> Table:
    """Arms, their settings, how their cells ended, and their means over the data sets."""
    found = {arm: [record for data in cells.data for record in cells.of(arm, data)] for arm in cells.arms}
    columns: dict[str, list[Value]] = {
        "arm": [*cells.arms],
        "settings": [settings(cells.study, arm) for arm in cells.arms],
        "finished": [sum(record.status == "ok" for record in found[arm]) for arm in cells.arms],
        "broken": [sum(record.status in BROKEN for record in found[arm]) for arm in cells.arms],
        "skipped": [sum(record.status == "skipped" for record in found[arm]) for arm in cells.arms],
        "stale": [sum(record.key in stale for record in found[arm]) for arm in cells.arms],
        **{metric: [cells.overall(metric, arm) for arm in cells.arms] for metric in cells.plain},
    }
    for name in ("settings", "skipped", "stale"):
        if not any(columns[name]):
            del columns[name]
    return Table("arms", "Arms", [*columns], list(zip(*columns.values(), strict=True)))


def data_table(cells: Cells, data: str) -> Table:
    """Means over the seeds for every arm on one data set, with the standard deviation of what varies."""
    columns: dict[str, list[Value]] = {
        "arm": [*cells.arms],
        "seeds": [cells.count(arm, data, "ok", *BROKEN) for arm in cells.arms],
    }
    for metric in cells.plain:
        spreads = [cells.spread(metric, arm, data) for arm in cells.arms]
        columns[metric] = [spread.mean for spread in spreads]
        if any(spread.deviation for spread in spreads):
            columns[f"sd of {metric}"] = [spread.deviation for spread in spreads]
    return Table(f"data-{slug(data)}", data, [*columns], list(zip(*columns.values(), strict=True)))


def claims_table(verdicts: Sequence[Verdict]) -> Table:
    """Claims, their verdicts, and what those stand on."""
    columns = ["claim", "verdict", "gain", "low", "high", "seeds", "wins", "p", "needed"]
    rows = [
        [v.claim.text, v.verdict, v.mean, v.low, v.high, v.seeds, v.wins, v.p, v.needed if v.needed else None]
        for v in verdicts
    ]
    return Table("claims", "Claims", columns, rows)


def gains_table(verdict: Verdict) -> Table:
    """The means of both arms and the gain, on each data set of a claim."""
    rows = [[gain.data, *_gain(gain)] for gain in verdict.per_data]
    columns = ["data", verdict.claim.a, verdict.claim.b, "gain", "low", "high", "seeds", "wins"]
    return Table("gains", "Gains", columns, rows)


def claim_terms(claim: Claim) -> str:
    """The claim as an inequality."""
    where = f" on {', '.join(claim.data)}" if claim.data else ""
    sign = "+" if claim.relation in (">", "<=") else "-"
    margin = f" {sign} {number(claim.margin)}" if claim.margin else ""
    return f"{claim.metric}: {claim.a} {claim.relation} {claim.b}{margin}{where}"


def claims_rows(verdicts: Sequence[Verdict]) -> Table:
    """Every term of every claim, over all its data sets and on each: what `claims.csv` holds."""
    columns = ["claim", "metric", "a", "relation", "b", "margin", "data", "verdict", "a_mean", "b_mean", "gain"]
    columns += ["low", "high", "seeds", "wins", "p", "needed", "counted_worst"]
    rows: list[list[Value]] = []
    for v in verdicts:
        terms: list[Value] = [v.claim.text, v.claim.metric, v.claim.a, v.claim.relation, v.claim.b, v.claim.margin]
        whole: list[Value] = [v.mean, v.low, v.high, v.seeds, v.wins, v.p, v.needed, len(v.failed)]
        rows.append([*terms, "all", v.verdict, None, None, *whole])
        rows += [[*terms, gain.data, None, *_gain(gain), None, None, _worst(v, gain.data)] for gain in v.per_data]
    return Table("claims", "Claims", columns, rows)


def cells_rows(cells: Cells, stale: Collection[str]) -> Table:
    """One row per cell, timings apart: what `cells.csv` holds."""
    columns = ["data", "arm", "seed", "status", "stale", *cells.plain, "error", "message", "params", "key"]
    rows = [
        [
            r.data,
            r.arm,
            r.seed,
            r.status,
            "yes" if r.key in stale else "",
            *(measured(r, metric) for metric in cells.plain),
            *error(r)[:2],
            canonical(dict(r.params)),
            r.key,
        ]
        for r in cells.rows
    ]
    return Table("cells", "Cells", columns, rows)


def ended_table(cells: Cells) -> Table:
    """Cells that ended without a result, those of one arm with the same reason in one row."""
    seeds: dict[tuple[str, str, str, str, str], list[str]] = {}
    for record in cells.rows:
        if record.status != "ok":
            key = (record.data, record.arm, record.status, *error(record)[:2])
            seeds.setdefault(key, []).append(str(record.seed))
    rows = [[*key[:3], ", ".join(found), *key[3:]] for key, found in seeds.items()]
    return Table("ended", "Cells without a result", ["data", "arm", "status", "seeds", "error", "message"], rows)


def inputs_table(cells: Cells) -> Table:
    """What the data sets are, and the hash of their content: another machine can tell whether it has the same."""
    from unbend.data import about, names

    hashes = {data: sorted({r.data_hash for r in cells.rows if r.data == data}) for data in cells.data}
    # Data that the study brings itself may have any name; its notes say what they are.
    known = {name: about(name) for name in names() if name not in cells.study.sources}
    rows = [[data, known.get(data), ", ".join(found)] for data, found in hashes.items()]
    return Table("inputs", "Data", ["data set", "about", "hash"], rows)


def environment_table(cells: Cells) -> Table:
    """Versions, threads, processor: what the cells ran on."""
    return Table("environment", "Environment", ["what", "value"], [[*item] for item in cells.environment.items()])


def timings_rows(cells: Cells) -> Table:
    """One row per timing of a cell: what `timings.csv` holds."""
    names = timing_names(cells)
    rows = [
        [r.data, r.arm, r.seed, name, value]
        for r in cells.rows
        for name in names
        if (value := measured(r, name)) is not None
    ]
    return Table("timings", "Timings", ["data", "arm", "seed", "timing", "value"], rows)


def timings_table(cells: Cells) -> Table:
    """Median over all finished cells of an arm."""
    names = timing_names(cells)
    rows = [[arm, *(_median(cells, arm, name) for name in names)] for arm in cells.arms]
    return Table("timings", "Timings", ["arm", *names], rows)


def timing_names(cells: Cells) -> list[str]:
    """The study's timing metrics, then whatever else the cells timed."""
    declared = [metric.name for metric in cells.study.metrics if metric.timing]
    found = {name for record in cells.rows for name in record.timings}
    return [*declared, *sorted(found - set(declared) - set(cells.plain))]


def findings(verdict: Verdict) -> str:
    """A verdict's numbers and reason in one or two sentences."""
    parts = [f"{verdict.reason}."[:1].upper() + f"{verdict.reason}."[1:]]
    if verdict.low is not None:
        limits = (verdict.mean, verdict.low, verdict.high)
        mean, low, high = (fixed(value, decimals_for(limits)) for value in limits)
        parts.append(f"Gain {mean}, 95 % interval from {low} to {high}.")
    elif verdict.mean is not None:
        parts.append(f"Gain {number(verdict.mean)}.")
    if verdict.seeds:
        won = f"{verdict.claim.a} won {verdict.wins} of {plural(verdict.seeds, 'seed')}"
        parts.append(f"{won}; adjusted p = {number(verdict.p, 2)}.")
    if verdict.needed:
        parts.append(f"About {verdict.needed} seeds would probably decide it.")
    elif verdict.verdict == "inconclusive":
        parts.append("No number of seeds within reach would probably decide it.")
    if verdict.failed:
        parts.append(f"{plural(len(verdict.failed), 'cell')} counted as the worst value.")
    return " ".join(parts)


def settings(study: Study, arm: str) -> str:
    """What sets the arm apart: its parameters and its part in the study."""
    parts = [f"{name}={value}" for name, value in sorted(readable(study, arm).items())]
    parts += ["baseline"] * (arm in study.baselines) + ["reference"] * (arm == study.reference)
    return ", ".join(parts)


def printed(table: Table) -> list[list[str]]:
    """The columns of a table as text, the numbers of each with the same decimals."""
    columns = list(zip(*table.rows, strict=True))
    # A gain and its limits are read together, so they are printed alike.
    kinds = ["gain" if name in ("gain", "low", "high") else name for name in table.columns]
    texts: list[list[str]] = []
    for kind, column in zip(kinds, columns):
        alike = [value for other, values in zip(kinds, columns) if other == kind for value in values]
        decimals = decimals_for([value for value in alike if not isinstance(value, str)])
        texts.append([value if isinstance(value, str) else fixed(value, decimals) for value in column])
    return texts


def readable(study: Study, arm: str) -> dict[str, str]:
    """Parameters of an arm as text; what is callable by its name alone, for its address differs from run to run."""
    return {
        name: str(getattr(value, "__name__", None) or steady(repr(value)))
        for name, value in study.arm(arm).params.items()
    }


def error(record: Record) -> tuple[str, str, str]:
    """Type, first line of the message, and traceback of a cell that broke; a skipped one gives its reason."""
    told = record.error or {}
    message = steady(told.get("message", "")).strip()
    return told.get("type", ""), message.split("\n")[0], steady(told.get("traceback", "")).strip()


def steady(text: str) -> str:
    """Text without memory addresses, which differ from run to run."""
    return re.sub(r"\b0x[0-9a-fA-F]{4,}\b", "0x...", text)


def slug(text: str) -> str:
    """Text as part of a file name: lower case, digits and hyphens, 60 characters at most."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:60].strip("-") or "x"


def paper(study: Study) -> tuple[str, str | None] | None:
    """Title and arXiv id of the paper that the study names by its short name or its arXiv id."""
    if study.paper is None:
        return None
    with (ROOT / "papers.tsv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            if study.paper in (row["name"], row["arxiv"]):
                return row["title"], row["arxiv"] or None
    return study.paper, None


def _gain(gain: Gain) -> list[Value]:
    return [gain.a, gain.b, gain.mean, gain.low, gain.high, len(gain.gains), gain.wins]


def _worst(verdict: Verdict, data: str) -> int:
    return sum(worst.data == data for worst in verdict.failed)


def _median(cells: Cells, arm: str, name: str) -> float | None:
    found = (measured(record, name) for data in cells.data for record in cells.of(arm, data))
    values = [value for value in found if value is not None]
    return statistics.median(values) if values else None
