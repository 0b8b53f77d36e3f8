"""The gallery in a real browser: search, filter, sort, overlay; silent, alone, and fit for a phone."""

import shutil

import pytest

from unbend.study._gallery import write_gallery

pytestmark = pytest.mark.browser

FEW = ("golu", "mish", "relu", "snake", "tanh", "hexpo", "siren_sine", "prelu", "EvoNorm", "geglu", "SwiGLU")
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
def address(tmp_path_factory) -> str:
    return write_gallery(tmp_path_factory.mktemp("gallery") / "few.html", FEW, jobs=1).as_uri()


def watched(browser, address: str, **context):
    """The page, open, and a list of whatever it says or asks for beyond itself."""
    page, said = browser.new_context(accept_downloads=True, **context).new_page(), []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: said.append(request.url) if request.url.split("#")[0] != address else None)
    page.goto(address)
    return page, said


@pytest.fixture
def page(browser, address):
    opened, said = watched(browser, address)
    yield opened
    opened.context.close()
    assert said == []


def shown(page) -> list[str]:
    return page.locator("#grid li:visible .pick").all_text_contents()


def reopened(page, address: str):
    """The same view, opened anew from what the address bar says."""
    hash_ = page.evaluate("location.hash")
    page.goto("about:blank")
    page.goto(address + hash_)
    return page


def test_search_finds_names_aliases_and_formulas(page):
    assert len(shown(page)) == len(FEW)
    page.fill("#q", "expexp")
    assert shown(page) == ["GoLU"]
    page.fill("#q", "tanh(softplus(x))")
    assert shown(page) == ["mish"]
    page.fill("#q", "tanh")
    assert shown(page)[0] == "tanh"
    page.fill("#q", "nothing like it")
    assert shown(page) == []
    assert page.locator("#none").is_visible()
    page.click("#reset")
    assert len(shown(page)) == len(FEW)


def test_filters_narrow_together_and_with_a_family(page):
    page.check("input[value=monotone]", force=True)
    assert set(shown(page)) == {"ReLU", "Snake", "tanh", "hexpo", "PReLU"}
    page.check("input[value=bounded]", force=True)
    assert set(shown(page)) == {"tanh", "hexpo"}
    page.check("input[value=verified]", force=True)
    assert shown(page) == ["tanh"]
    assert page.locator("#count").inner_text() == f"1 of {len(FEW)}"
    page.uncheck("input[value=verified]", force=True)
    page.uncheck("input[value=monotone]", force=True)
    page.uncheck("input[value=bounded]", force=True)
    page.select_option("#family", "Gated units")
    assert shown(page) == ["geglu"]


def test_sorting_both_ways_keeps_what_has_no_number_last(page):
    page.select_option("#sort", "lipschitz")
    first = shown(page)
    assert set(first[-3:]) == {"EvoNorm", "geglu", "SwiGLU"}
    assert first[:-3].index("GoLU") < first[:-3].index("Snake") < first[:-3].index("siren_sine")
    page.click("#way")
    last = shown(page)
    assert last[0] == "siren_sine"
    assert set(last[-3:]) == {"EvoNorm", "geglu", "SwiGLU"}
    page.select_option("#sort", "year")
    assert shown(page)[0] == "GoLU"
    page.select_option("#sort", "name")
    page.click("#way")
    assert shown(page) == sorted(shown(page), key=str.lower)


def test_a_card_opens_the_bend(page):
    page.locator("li", has_text="hexpo").click()
    bench = page.locator("#bench")
    assert bench.is_visible()
    assert "UNVERIFIED" in bench.inner_text()
    assert page.locator("#told .snippet code").inner_text() == 'unbend.bend("hexpo")'
    assert page.locator("#told math").count() == 1
    assert page.locator("#told dd").all_inner_texts()[-3:] == ["2017", "Eq19", "survey prints exp(-x/d) below 0"]
    facts = dict(row.split("\t") for row in page.locator("#told table").inner_text().splitlines())
    assert facts["symmetry"] == "odd"
    assert facts["values"] == "[−1, 1]"
    assert page.locator("#plot .curve").count() == 3


def test_overlay_compares_values_and_facts(page, address):
    page.locator("li:has-text('GoLU') .add").first.click()
    page.locator("li:has-text('mish') .add").click()
    page.locator("li:has-text('Snake') .add").click()
    assert page.locator("#plot .curve").count() == 3
    assert page.locator("#told thead th").all_inner_texts() == ["", "GoLU", "mish", "Snake"]
    page.click("[data-order='1']")
    assert page.locator("#plot .curve").count() == 6
    page.focus("#plot")
    for _ in range(20):
        page.keyboard.press("ArrowLeft")
    rows = page.locator("#read tr").all_inner_texts()
    assert [row.split()[0] for row in rows[1:]] == ["GoLU", "mish", "Snake"]
    # The cursor starts at 1, and walks by 0.05: all three are zero at zero; the slope of GoLU there is 1/e.
    assert rows[0].split()[:3] == ["x", "=", "0"]
    assert [row.split()[1] for row in rows[1:]] == ["0", "0", "0"]
    assert rows[1].split()[2] == "0.3679"
    again = reopened(page, address)
    assert again.locator("#told thead th").all_inner_texts() == ["", "GoLU", "mish", "Snake"]
    assert again.locator("#plot .curve").count() == 6
    again.locator("li:has-text('mish') .add").click()
    assert again.locator("#told thead th").all_inner_texts() == ["", "GoLU", "Snake"]


def test_a_parameter_is_varied(page, address):
    page.locator("li", has_text="GoLU").first.click()
    page.click("button[data-knob=gamma]")
    assert page.locator("#plot .curve").count() == 5
    rows = [row.split("\t") for row in page.locator("#read tr").all_inner_texts()]
    # At x = 1 the value is exp(-exp(-gamma)).
    assert rows[1:] == [
        ["GoLU", "0.6922"],
        ["gamma = 0.5", "0.5452"],
        ["gamma = 0.75", "0.6235"],
        ["gamma = 1.5", "0.8"],
        ["gamma = 2", "0.8734"],
    ]
    assert reopened(page, address).locator("#plot .curve").count() == 5
    page.click("[data-order='1']")
    assert page.locator("#plot .curve").count() == 2


def test_the_pointer_reads_the_curve(page):
    page.locator("li", has_text="ReLU").first.click()
    box = page.locator("#plot svg").bounding_box()
    # The axis spans -5 to 5 between 34 and 472 of 480 units.
    page.mouse.move(box["x"] + box["width"] * (34 + 438 * 0.75) / 480, box["y"] + box["height"] / 2)
    assert page.locator("#read tr").nth(1).inner_text().split()[1:] == ["2.5", "1", "0"]


def test_the_address_keeps_the_view(page, address):
    page.fill("#q", "x")
    page.check("input[value=smooth]", force=True)
    page.select_option("#sort", "year")
    page.click("#way")
    page.locator("li:visible .pick").nth(1).click()
    page.select_option("#range", "2")
    before = shown(page)
    again = reopened(page, address)
    assert shown(again) == before
    assert again.input_value("#q") == "x"
    assert again.input_value("#range") == "2"
    assert again.locator("#bench").is_visible()


@pytest.mark.parametrize("bad", ["#on=nobody&sort=worst&is=silly&x=7&f=9", "#q=%3Cimg%20src%3Dx%3E&family=%22"])
def test_a_broken_address_opens_all_the_same(browser, address, bad):
    opened, said = watched(browser, address + bad)
    assert opened.locator("#grid li").count() == len(FEW)
    assert not opened.locator("#bench").is_visible()
    assert opened.locator("img").count() == 0
    opened.context.close()
    assert [line for line in said if not line.startswith(address)] == []


def test_works_without_a_mouse(page):
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "q"
    page.locator(".pick").first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    assert page.locator("#told h2").inner_text().startswith(shown(page)[1])
    page.keyboard.press("ArrowRight")
    page.keyboard.press("+")
    assert page.locator("#grid li.on").count() == 2
    page.keyboard.press("Escape")
    assert not page.locator("#bench").is_visible()


def test_snippet_is_copied(browser, address):
    opened, _ = watched(browser, address + "#on=mish", permissions=["clipboard-read", "clipboard-write"])
    opened.locator("#told .snippet button").click()
    opened.locator("#told .snippet button", has_text="Copied").wait_for()
    assert opened.evaluate("navigator.clipboard.readText()") == 'unbend.bend("mish")'
    opened.context.close()


def test_picture_is_saved(page, tmp_path):
    page.locator("li", has_text="mish").click()
    with page.expect_download() as caught:
        page.click("#save")
    assert caught.value.suggested_filename == "mish.svg"
    caught.value.save_as(tmp_path / "mish.svg")
    text = (tmp_path / "mish.svg").read_text()
    assert text.count('class="curve') == 3
    assert "var(" not in text


@pytest.mark.parametrize("width", [320, 390, 1300])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_fits_the_screen(browser, address, width, scheme):
    opened, said = watched(browser, address, viewport={"width": width, "height": 800}, color_scheme=scheme)
    opened.locator("li:has-text('GoLU') .add").first.click()
    if width < 900:
        opened.click("#fold")
    assert opened.evaluate("document.documentElement.scrollWidth") <= width
    assert opened.locator("#plot svg").bounding_box()["width"] > 0.6 * min(width, 500)
    ground, ink = opened.evaluate(
        "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"
    )
    assert (brightness(ground) > brightness(ink)) == (scheme == "light")
    opened.context.close()
    assert said == []


def brightness(colour: str) -> int:
    return sum(int(part) for part in colour.removeprefix("rgb(").rstrip(")").split(","))


@pytest.mark.slow
def test_the_whole_gallery(browser, tmp_path):
    path = write_gallery(tmp_path, jobs=2)
    assert path.stat().st_size < 5_000_000
    opened, said = watched(browser, path.as_uri())
    count = opened.locator("#grid li").count()
    assert count >= 470
    opened.fill("#q", "mish")
    assert shown(opened)[0].lower() == "mish"
    opened.fill("#q", "")
    opened.select_option("#sort", "gain")
    assert len(shown(opened)) == count
    # Every bend that has a curve can be drawn, with facts beside it.
    empty = opened.evaluate(
        """() => {
             const drawn = (bend) => plot([bend], {orders: [0], reach: 5, cursor: 0}).querySelector('.curve');
             const missing = (bend) => bend.curve && !/M[\\d.]/.test(drawn(bend).getAttribute('d'));
             return bends.filter(missing).map((bend) => bend.name);
           }"""
    )
    assert empty == []
    assert opened.evaluate("bends.filter((bend) => bend.curve && !bend.facts[0]).length") == 0
    opened.context.close()
    assert said == []
