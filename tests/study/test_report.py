"""The report: what it says, that it is a function of its records, that nothing in it is taken for markup."""

import csv
import io
import os
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
from markdown_it import MarkdownIt

from tests.study._made import LOSS, SPEED, broken, pairs, record, shuffled, study
from unbend._errors import UnbendError
from unbend.study._report import write_report
from unbend.study._spec import ACCURACY, Arm, Claim, Steps

HOSTILE = '<script>alert("x")</script> & \'|`*_[a](b)\n'
A, B = [0.9, 0.92, 0.94, 0.95], [0.8, 0.85, 0.81, 0.84]


def rich() -> tuple:
    """A study with two data sets, curves, timings, a failure, a skip and a claim about time."""
    made = study(
        paper="lambda",
        data=["digits", "blobs"],
        arms={"a": Arm(dict, {"heads": 4}), "b": dict, "c": dict},
        baselines=("b",),
        claims=[
            Claim("a is better than b", "accuracy", "a", ">", "b", margin=0.01),
            Claim("a is no worse than c", "accuracy", "a", ">=", "c", data=("digits",)),
            Claim("a is quicker", "step_ms", "a", "<", "b"),
        ],
        notes="A note.",
    )
    records = []
    for data in made.data:
        for arm, values in (("a", A), ("b", B)):
            for seed, value in enumerate(values):
                curve = [[float(step), value * step / 100] for step in range(0, 101, 10)]
                records.append(
                    record(
                        arm,
                        seed,
                        data,
                        metrics={"accuracy": value, "loss": 1 - value, "step_ms": 1.0 + seed + (arm == "b")},
                        timings={"train_s": 2.0 + seed},
                        curves={"accuracy so far": curve},
                    )
                )
    records += [broken("c", seed, message="the tensor at 0x7f00aa11bb") for seed in range(4)]
    skip = {"type": "Skip", "message": "too large", "traceback": ""}
    records += [record("c", seed, "blobs", status="skipped", error=skip) for seed in range(4)]
    return made, records


TABLE = {"table", "thead", "tbody", "tr", "th", "td"}


class Seen(HTMLParser):
    """The tags of a page, where they point to, and the text of its first heading."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: set[str] = set()
        self.title = ""
        self._inside = False
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self._inside = tag == "h1"
        self.links |= {value for name, value in attrs if name in ("href", "src")}

    def handle_endtag(self, tag):
        self._inside = False

    def handle_data(self, data):
        self.title += data if self._inside else ""


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def without_timings(folder: Path) -> dict[str, bytes]:
    """What must be equal between two runs of the same code, as an acceptance test takes it."""
    kept = {name: data for name, data in files(folder).items() if not Path(name).name.startswith("timings")}
    kept["report.html"] = re.sub(rb'<section id="timings">.*?</section>', b"", kept["report.html"], flags=re.DOTALL)
    kept["report.md"] = re.sub(rb"<!-- timings -->.*<!-- end", b"", kept["report.md"], flags=re.DOTALL)
    return kept


def rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text())))


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    target = tmp_path_factory.mktemp("report")
    made, records = rich()
    assert write_report(made, records, target, stale=frozenset([records[0].key])) == target / "report.html"
    return target


def test_says_what_was_asked_and_found(folder):
    for text in ((folder / "report.html").read_text(), (folder / "report.md").read_text()):
        assert "Is a better than b?" in text
        assert "LambdaNetworks: Modeling Long-Range Interactions Without Attention" in text
        assert "Reduced scale: tests the direction, not the paper's number." in text
        assert "24 of 48 cells run, 4 broken, 1 with older code" in text
        assert "2 claims: 2 holds; 1 claim about timings." in text
        assert "a won 4 of 4 seeds; adjusted p = 0.25." in text
        assert "the tensor at 0x..." in text
        assert "Traceback: no" in text
        assert "too large" in text
        assert "heads=4" in text
        assert "unbend study made" in text
        assert "2.13.0" in text


def test_verdict_boxes_stand_in_their_order(folder):
    html = (folder / "report.html").read_text()
    boxes = re.findall(r'<article class="verdict ([\w-]+)">.*?<h3>(.*?)</h3>', html, flags=re.DOTALL)
    assert boxes == [
        ("holds", "a is better than b"),
        ("holds", "a is no worse than c"),
        ("holds", "a is quicker"),
    ]
    assert html.index('<section id="timings">') < html.index("a is quicker") < html.index('<section id="environment">')


def test_tables_of_cells_and_claims(folder):
    cells = rows(folder / "cells.csv")
    assert len(cells) == 24
    assert [(r["data"], r["arm"], r["seed"]) for r in cells[:2]] == [("digits", "a", "0"), ("digits", "a", "1")]
    assert [r["stale"] for r in cells].count("yes") == 1
    assert "step_ms" not in cells[0]
    failed = next(r for r in cells if r["status"] == "failed")
    assert (failed["accuracy"], failed["error"], failed["message"]) == ("", "ValueError", "the tensor at 0x...")
    claims = rows(folder / "claims.csv")
    assert {r["claim"] for r in claims} == {"a is better than b", "a is no worse than c"}
    whole = claims[0]
    assert (whole["data"], whole["verdict"], whole["seeds"], whole["wins"]) == ("all", "holds", "4", "4")
    assert float(whole["gain"]) == 0.1025
    assert [r["data"] for r in claims[1:3]] == ["digits", "blobs"]
    assert rows(folder / "timings-claims.csv")[0]["claim"] == "a is quicker"
    assert {r["timing"] for r in rows(folder / "timings.csv")} == {"step_ms", "train_s"}


def test_figures_are_files_too(folder):
    drawn = {path.name for path in (folder / "figures").iterdir()}
    assert {"claim-a-is-better-than-b.svg", "arms-accuracy-digits.svg", "curve-accuracy-so-far-blobs.svg"} <= drawn
    assert {name[:-4] for name in drawn if name.endswith(".svg")} == {n[:-4] for n in drawn if n.endswith(".png")}
    for path in (folder / "figures").glob("*.svg"):
        ElementTree.parse(path)
    for path in (folder / "figures").glob("*.png"):
        assert path.read_bytes().startswith(b"\x89PNG")
    for name in re.findall(r"\(figures/(.*?)\)", (folder / "report.md").read_text()):
        assert name in drawn


def test_page_needs_nothing_beside_it(folder):
    html = (folder / "report.html").read_text()
    assert not re.findall(r"""(?:src|srcset|data-src)\s*=""", html)
    links = re.findall(r'href="([^"]*)"', html)
    assert all(link.startswith(("data:", "https://arxiv.org/abs/", "#")) for link in links)
    assert "@import" not in html
    assert not re.findall(r"url\((?!#)", html)


def test_the_same_records_in_any_order_and_another_process_give_the_same_bytes(tmp_path, folder):
    made, records = rich()
    stale = frozenset([records[0].key])
    write_report(made, shuffled(records) + records, tmp_path / "again", stale=stale)
    assert files(tmp_path / "again") == files(folder)
    code = (
        "import sys; from tests.study.test_report import rich; from unbend.study._report import write_report;"
        "made, records = rich(); write_report(made, records, sys.argv[1], stale=frozenset([records[0].key]))"
    )
    env = {**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": str(Path(__file__).parents[2])}
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "other")], check=True, env=env)
    assert files(tmp_path / "other") == files(folder)


def test_other_timings_change_nothing_but_the_timing_section(tmp_path, folder):
    made, records = rich()
    slower = [
        replace(
            r,
            timings={name: 3.7 * value for name, value in r.timings.items()},
            metrics={**r.metrics, **({"step_ms": 9.0 - r.metrics["step_ms"]} if "step_ms" in r.metrics else {})},
        )
        for r in records
    ]
    write_report(made, slower, tmp_path, stale=frozenset([records[0].key]))
    assert files(tmp_path) != files(folder)
    assert without_timings(tmp_path) == without_timings(folder)


def test_an_earlier_report_leaves_nothing_behind(tmp_path):
    made, records = rich()
    write_report(made, records, tmp_path)
    write_report(study(), pairs(A, B), tmp_path)
    write_report(study(), pairs(A, B), tmp_path / "fresh")
    fresh = files(tmp_path / "fresh")
    assert {name: data for name, data in files(tmp_path).items() if not name.startswith("fresh")} == fresh


def test_names_and_errors_are_never_markup(tmp_path):
    made = study(
        question=HOSTILE,
        notes=HOSTILE,
        data=[HOSTILE],
        arms={HOSTILE: dict, "b": Arm(dict, {"x": HOSTILE})},
        claims=[Claim(HOSTILE, "accuracy", HOSTILE, ">", "b", data=(HOSTILE,))],
        baselines=("b",),
    )
    curves = {HOSTILE: [[0.0, 1.0], [1.0, 2.0]]}
    records = [
        record(arm, s, HOSTILE, accuracy=0.5 + s / 10, curves=curves, env={HOSTILE: HOSTILE}, data_hash=HOSTILE)
        for arm in made.arms
        for s in range(3)
    ]
    records.append(broken("b", 3, HOSTILE, type=HOSTILE, message=HOSTILE, traceback=HOSTILE))
    write_report(made, records, tmp_path, command=HOSTILE)
    page = (tmp_path / "report.html").read_text()
    assert page.count("<script>") == 1
    assert Seen(page).title == HOSTILE
    for path in (tmp_path / "figures").glob("*.svg"):
        assert not [node for node in ElementTree.parse(path).iter() if node.tag.endswith("script")]
    told = Seen(MarkdownIt("commonmark").enable("table").render((tmp_path / "report.md").read_text()))
    assert told.title == HOSTILE.strip()
    assert told.tags <= {"h1", "h2", "h3", "p", "strong", "code", "pre", "img", *TABLE}
    assert told.links <= {f"figures/{path.name}" for path in (tmp_path / "figures").iterdir()}
    assert rows(tmp_path / "cells.csv")[0]["data"] == HOSTILE


NAMES = [f"{'a very long name ' * 12}{i}" for i in range(50)]
MANY = Claim("c", "accuracy", NAMES[0], ">", NAMES[1])


@pytest.mark.parametrize(
    ("made", "records"),
    [
        (study(), []),
        (study(claims=[]), pairs(A, B)),
        (study(arms={"a": dict}, claims=[]), [record("a", 0, accuracy=0.5)]),
        (study(metrics=(SPEED,), claims=[]), [record("a", s, timings={"step_ms": 1.0}) for s in range(3)]),
        (study(metrics=(LOSS,), claims=[]), [broken(arm, s, status="diverged") for arm in "ab" for s in range(3)]),
        (study(metrics=(ACCURACY,)), [record(arm, s, status="skipped") for arm in "ab" for s in range(3)]),
        (
            study(
                metrics=(ACCURACY,),
                arms=dict.fromkeys(NAMES, dict),
                claims=[Claim("c", "accuracy", NAMES[0], ">", NAMES[1])],
            ),
            [
                record(n, s, accuracy=0.1 * s, curves={"x": [[0.0, 1.0], [9.0, 1e-6 + s]]})
                for n in NAMES
                for s in range(2)
            ],
        ),
    ],
    ids=["nothing run", "no claims", "one cell", "timings only", "all diverged", "all skipped", "fifty arms"],
)
def test_unusual_studies(tmp_path, made, records):
    page = write_report(made, records, tmp_path)
    html = page.read_text()
    assert "Is a better than b?" in html
    assert html.count("<section") == html.count("</section>")
    assert (tmp_path / "report.md").read_text().startswith("# Is a better than b?")
    if not records:
        assert "not run" in html
        assert "0 of 16 cells run" in html


def test_more_seeds_than_the_study_names_are_part_of_the_command(tmp_path):
    write_report(study(seeds=2), pairs(A, B), tmp_path)
    assert "unbend study made --seeds 4" in (tmp_path / "report.html").read_text()


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(UnbendError, match="taken"):
        write_report(study(), pairs(A, B), tmp_path / "taken")


def test_budget_in_words(tmp_path):
    write_report(study(budget=Steps(1234)), [], tmp_path)
    assert "1234 steps per cell" in (tmp_path / "report.html").read_text()
