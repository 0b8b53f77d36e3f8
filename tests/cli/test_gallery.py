"""`unbend gallery` and `unbend show --plot`: what they print and write."""

import pytest
from typer.testing import CliRunner

from unbend._errors import ArgumentError, UnknownNameError
from unbend.cli import app


def run(*args: str) -> str:
    done = CliRunner().invoke(app(), args, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_gallery_of_some_bends(tmp_path):
    target = tmp_path / "some.html"
    assert run("gallery", "golu", "SwiGLU", "--out", str(target)).strip() == str(target)
    assert target.read_text().count("data-at=") == 2


def test_gallery_suggests_names(tmp_path):
    with pytest.raises(UnknownNameError, match="did you mean"):
        run("gallery", "goly", "--out", str(tmp_path))


def test_show_draws_in_the_terminal():
    text = run("show", "golu", "--plot")
    assert "Lipschitz constant" in text
    assert any(0x2800 < ord(letter) < 0x2900 for letter in text)


def test_show_draws_into_a_file(tmp_path):
    target = tmp_path / "golu.svg"
    assert run("show", "golu", "--plot", "--out", str(target)).strip() == str(target)
    assert target.read_text().startswith("<svg")
    with pytest.raises(ArgumentError, match="out"):
        run("show", "golu", "--out", str(tmp_path / "golu.gif"))
