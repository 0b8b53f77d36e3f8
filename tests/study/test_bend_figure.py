"""The picture of one bend, in a file and in a terminal."""

from xml.etree import ElementTree

import pytest

from unbend._errors import ArgumentError, UnbendError
from unbend.study._bend_figure import drawable, picture, terminal, told, write_picture

SVG = "{http://www.w3.org/2000/svg}"


def test_picture_shows_curves_bounds_and_facts():
    figure = picture(drawable("golu"))
    root = ElementTree.fromstring(figure.svg)
    texts = {text.text for text in root.iter(f"{SVG}text")}
    assert {"GoLU", "f", "f′", "f″", "bounds on [−2, 1]", "Lipschitz constant", "1.113"} <= texts
    assert picture(drawable("golu")).svg == figure.svg


def test_picture_says_that_a_formula_is_unverified():
    assert "UNVERIFIED" in "".join(ElementTree.fromstring(picture(drawable("hexpo")).svg).itertext())


@pytest.mark.parametrize(("ending", "start"), [("html", b"<!DOCTYPE html>"), ("svg", b"<svg"), ("png", b"\x89PNG")])
def test_the_ending_chooses_the_format(tmp_path, ending, start):
    path = write_picture("relu", tmp_path / "new" / f"relu.{ending}")
    assert path.read_bytes().startswith(start)


def test_bad_files_and_names_are_refused(tmp_path):
    with pytest.raises(ArgumentError, match=r"out: got .*pdf"):
        write_picture("relu", tmp_path / "relu.pdf")
    with pytest.raises(ArgumentError, match="function of one number"):
        write_picture("SwiGLU", tmp_path / "SwiGLU.svg")
    (tmp_path / "file").touch()
    with pytest.raises(UnbendError, match="cannot be written"):
        write_picture("relu", tmp_path / "file" / "relu.svg")


def test_terminal_draws_relu_as_it_is():
    lines = terminal(drawable("relu"), width=40, height=10).splitlines()
    rows = [[ord(letter) - 0x2800 for letter in line[9:]] for line in lines[:10]]
    # Left half: nothing but the lowest row; right half: a line that climbs one letter in two.
    assert all(not any(row[:19]) for row in rows[:9])
    assert all(rows[9][:19])
    highest = [min(number for number in range(10) if rows[number][column]) for column in range(20, 40)]
    assert highest == sorted(highest, reverse=True)
    assert (highest[0], highest[-1]) == (9, 0)
    assert lines[9].startswith("      0 ┼")
    assert lines[-1].split() == ["-4", "4"]


def test_terminal_joins_a_jump():
    lines = terminal(drawable("binary_step"), width=40, height=10).splitlines()
    assert all(any(letter != chr(0x2800) for letter in line[9:]) for line in lines[:10])


def test_told_names_formula_status_and_facts():
    text = told("mish")
    assert text.startswith("mish\nx*tanh(softplus(x))")
    assert "compared with an independent implementation" in text
    assert "Lipschitz constant  1.088" in text
