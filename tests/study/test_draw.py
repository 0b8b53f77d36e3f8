"""Drawing: identifiers of its own for each figure, ink that follows the page, pictures that are pictures."""

import re

import pytest

from unbend.study._draw import DASHES, HUES, INK, dash, draw, hue, rows


@pytest.fixture
def clipped():
    """A chart for which Vega makes up identifiers: its line is clipped to the frame."""
    line = rows("points").mark_line(clip=True, color=INK).encode(x="x:Q", y="y:Q")
    return line.properties(title="<b>")


def drawn(chart, name="figure"):
    return draw(chart, name, "a line", points=[{"x": 0, "y": 1}, {"x": 1, "y": 2}])


def test_identifiers_are_its_own_and_the_same_each_time(clipped):
    first, second, other = drawn(clipped), drawn(clipped), drawn(clipped, "other")
    assert first.svg == second.svg
    named = re.findall(r'\bid="([^"]+)"', first.svg)
    assert named
    assert all(name.startswith("figure-") for name in named)
    assert set(re.findall(r"url\(#([^)]+)\)", first.svg)) <= set(named)
    assert not set(named) & set(re.findall(r'\bid="([^"]+)"', other.svg))


def test_on_a_page_ink_and_ground_are_the_pages(clipped):
    figure = drawn(clipped)
    assert 'fill="white"' in figure.svg
    assert INK in figure.svg
    assert 'fill="white"' not in figure.inline
    assert INK not in figure.inline
    assert "currentColor" in figure.inline
    assert "&lt;b&gt;" in figure.inline


def test_png_is_drawn_at_twice_the_size(clipped):
    figure = drawn(clipped)
    width = int(re.findall(r'<svg[^>]* width="(\d+)', figure.svg)[0])
    assert figure.png.startswith(b"\x89PNG")
    assert int.from_bytes(figure.png[16:20], "big") == 2 * width


def test_fifty_arms_look_different():
    looks = [(hue(place), tuple(dash(place))) for place in range(len(HUES) * len(DASHES))]
    assert len(set(looks)) == 50
