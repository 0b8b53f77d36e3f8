"""Where data files are looked for, and what is said when they are not there."""

import pytest

from unbend._errors import MissingDataError
from unbend.data._files_base import data_file


def test_a_file_is_found_where_the_variable_points(tmp_path, monkeypatch) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "rows.csv").write_text("1")
    monkeypatch.setenv("UNBEND_DATA", str(tmp_path))
    assert data_file("set/rows.csv", "From there").read_text() == "1"
    with pytest.raises(MissingDataError, match=r"needs the file set/others.csv, but it is not in .*\. From there\."):
        data_file("set/others.csv", "From there")


def test_without_the_variable_nothing_is_guessed(tmp_path, monkeypatch) -> None:
    monkeypatch.delenv("UNBEND_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rows.csv").write_text("1")
    with pytest.raises(MissingDataError, match=r"\$UNBEND_DATA is not set. From there. Put it there and set"):
        data_file("rows.csv", "From there")
