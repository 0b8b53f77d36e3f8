"""The report in a real browser: silent, alone, sortable, and fit for a phone."""

import shutil
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.study._made import pairs, record, study
from tests.study.test_report import HOSTILE, rich
from unbend.study._report import write_report
from unbend.study._spec import Claim

pytestmark = pytest.mark.browser

ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not installed")
    with sync_api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield running
        running.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    target = tmp_path_factory.mktemp("browsed")
    write_report(*rich(), target)
    return target


@pytest.fixture
def page(browser, folder):
    """The report, open; whatever it says or asks for beyond itself fails the test."""
    opened, said = watched(browser, folder / "report.html")
    yield opened
    opened.context.close()
    assert said == []


def watched(browser, path: Path, **context):
    page, said = browser.new_context(accept_downloads=True, **context).new_page(), []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: said.append(request.url) if request.url != path.as_uri() else None)
    page.goto(path.as_uri())
    return page, said


def column(page, table: str, place: int) -> list[str]:
    return page.locator(f"{table} tbody tr > :nth-child({place})").all_inner_texts()


def test_headings_sort_both_ways(page):
    table, heading = "#arms table", page.locator("#arms thead button", has_text="accuracy").first
    assert column(page, table, 1) == ["a", "b", "c"]
    # The broken arm counts as 0 on the only data set that it did not skip.
    heading.click()
    assert column(page, table, 1) == ["c", "b", "a"]
    assert page.locator("#arms th[aria-sort=ascending]").inner_text().startswith("accuracy")
    heading.click()
    assert column(page, table, 1) == ["a", "b", "c"]
    page.locator("#arms thead button", has_text="arm").first.click()
    assert page.locator("#arms th[aria-sort=descending]").count() == 0
    assert page.locator("#arms th[aria-sort=ascending]").inner_text().startswith("arm")


def test_numbers_sort_as_numbers_and_missing_ones_stay_last(browser, tmp_path):
    made = study(arms=dict.fromkeys("abcd", dict), claims=[])
    records = [record(arm, 0, metrics={"loss": loss}) for arm, loss in (("a", 9.5), ("b", 1e-7), ("d", 120.0))]
    opened, said = watched(browser, write_report(made, records, tmp_path))
    heading = opened.locator("#arms thead button", has_text="loss")
    orders = []
    for _ in range(2):
        heading.click()
        orders.append("".join(column(opened, "#arms table", 1)))
    assert orders == ["badc", "dabc"]
    assert said == []


def test_headings_answer_to_the_keyboard(page):
    page.locator("#arms thead button", has_text="accuracy").first.focus()
    page.keyboard.press("Enter")
    assert column(page, "#arms table", 1) == ["c", "b", "a"]


def test_figures_are_saved_as_svg(page, folder, tmp_path):
    button = page.locator("#verdicts button[data-save]").first
    with page.expect_download() as caught:
        button.click()
    assert caught.value.suggested_filename == "claim-a-is-better-than-b.svg"
    caught.value.save_as(tmp_path / "saved.svg")
    saved = ElementTree.parse(tmp_path / "saved.svg").getroot()
    original = ElementTree.parse(folder / "figures" / "claim-a-is-better-than-b.svg").getroot()
    assert saved.get("viewBox") == original.get("viewBox")
    paths = ".//{http://www.w3.org/2000/svg}path"
    assert [p.get("d") for p in saved.iterfind(paths)] == [p.get("d") for p in original.iterfind(paths)]
    assert "currentColor" not in (tmp_path / "saved.svg").read_text()


def test_csv_is_saved_from_within_the_page(page, folder, tmp_path):
    with page.expect_download() as caught:
        page.locator("a[download='cells.csv']").click()
    caught.value.save_as(tmp_path / "cells.csv")
    assert (tmp_path / "cells.csv").read_bytes() == (folder / "cells.csv").read_bytes()


@pytest.mark.parametrize("width", [320, 375, 1200])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_fits_the_screen(browser, folder, width, scheme):
    path = folder / "report.html"
    opened, said = watched(browser, path, viewport={"width": width, "height": 800}, color_scheme=scheme)
    assert opened.evaluate("document.documentElement.scrollWidth") <= width
    ground, ink = opened.evaluate(
        "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"
    )
    assert (brightness(ground) > brightness(ink)) == (scheme == "light")
    drawn = opened.evaluate("getComputedStyle(document.querySelector('figure svg text')).fill")
    assert drawn == ink
    opened.context.close()
    assert said == []


def brightness(colour: str) -> int:
    return sum(int(part) for part in colour.removeprefix("rgb(").rstrip(")").split(","))


def test_hostile_names_run_nothing_and_load_nothing(browser, tmp_path):
    image = '"><img src="https://example.org/x.png" onerror="document.title=1">'
    made = study(
        question=HOSTILE + image,
        arms={"a": dict, image: dict},
        claims=[Claim(image, "accuracy", "a", ">", image)],
    )
    records = [
        record(arm, seed, accuracy=0.1 * seed, curves={image: [[0.0, 1.0], [1.0, 2.0]]}, env={image: image})
        for arm in made.arms
        for seed in range(3)
    ]
    opened, said = watched(browser, write_report(made, records, tmp_path))
    assert opened.title().startswith("made: <script>")
    assert opened.locator("h1").inner_text().startswith('<script>alert("x")')
    assert opened.locator("img").count() == 0
    assert said == []


def test_a_report_of_nothing_opens(browser, tmp_path):
    for made, records in ((study(), []), (study(claims=[]), pairs([0.5], [0.6]))):
        opened, said = watched(browser, write_report(made, records, tmp_path))
        assert opened.locator("h1").inner_text() == "Is a better than b?"
        assert said == []
