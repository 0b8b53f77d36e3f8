"""Tables: what is read, what the split keeps, and what bad files are told."""

import csv
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st

from unbend._errors import ArgumentError, MissingExtraError, UnbendError, UnknownNameError
from unbend.data import Table, source
from unbend.data._columns import read_csv
from unbend.data._goal import goal


def write(tmp_path: Path, text: str | bytes, name: str = "t.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def rows(header: str, *lines: str, repeat: int = 1) -> str:
    return "\n".join([header, *lines * repeat]) + "\n"


def test_numbers_are_standardised_by_the_training_rows_alone(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    numbers = generator.normal(5.0, 3.0, (60, 2))
    text = rows("a,b,y", *(f"{a},{b},{int(a > 5)}" for a, b in numbers))
    data = Table(write(tmp_path, text), "y").load()
    x = data.train[0]
    assert abs(len(x) - 45) <= 1, "each of the two classes is rounded by itself"
    assert torch.allclose(x.mean(0), torch.zeros(2), atol=1e-5)
    assert torch.allclose(x.std(0, correction=0), torch.ones(2), atol=1e-5)
    assert not torch.allclose(data.test[0].mean(0), torch.zeros(2), atol=1e-3)


def test_rows_stay_whole(tmp_path: Path) -> None:
    """Every row's target can be told from its input, so a shuffled target would show."""
    text = rows("y,x", *(f"{'yes' if i % 3 else 'no'},{1000 if i % 3 else 0}" for i in range(30)))
    data = Table(write(tmp_path, text), "y").load()
    for x, y in (data.train, data.test):
        assert torch.equal(x[:, 0] > 0, y == 1)
    assert (data.task, data.classes) == ("classification", 2)
    assert len(data.train[0]) + len(data.test[0]) == 30


def test_text_becomes_one_column_for_each_training_value(tmp_path: Path) -> None:
    text = rows("colour,y", "red,1.5", "blue,2.5", "red,3.25", "green,0.5", repeat=5)
    data = Table(write(tmp_path, text), "y").load()
    assert data.task == "regression"
    assert data.shape == (3,)
    assert torch.equal(data.train[0].sum(1), torch.ones(15))
    assert data.train[1].shape == (15, 1)


def test_target_of_a_regression_is_standardised(tmp_path: Path) -> None:
    text = rows("x,y", *(f"{i},{100 + 7.5 * i}" for i in range(40)))
    data = Table(write(tmp_path, text), "y").load()
    assert data.train[1].mean().abs() < 1e-5
    assert (data.train[1].std(correction=0) - 1).abs() < 1e-5


def test_the_split_is_frozen_by_the_target(tmp_path: Path) -> None:
    lines = [f"{i},{i * i % 17},{i % 2}" for i in range(40)]
    whole = Table(write(tmp_path, rows("id,a,y", *lines)), "y").load()
    again = Table(write(tmp_path, rows("id,a,y", *lines), "other.csv"), "y").load()
    fewer = Table(write(tmp_path, rows("id,a,y", *lines)), "y", drop=("id",)).load()
    assert whole.hash == again.hash
    assert fewer.hash != whole.hash
    assert torch.equal(whole.test[1], fewer.test[1])
    assert torch.equal(whole.test[0][:, 1:], fewer.test[0])
    changed = Table(write(tmp_path, rows("id,a,y", *lines[:-1], "39,8,0")), "y").load()
    assert changed.hash != whole.hash


@given(st.lists(st.integers(0, 4), min_size=12, max_size=80), st.floats(0.05, 0.95))
def test_every_class_is_on_both_sides_of_the_split(labels: list[int], fraction: float) -> None:
    counts = np.bincount(labels)
    if (counts > 0).sum() < 2 or (counts == 1).any():
        with pytest.raises(ArgumentError):
            goal("t", np.array(labels), str, task="classification", test_fraction=fraction)
        return
    aim = goal("t", np.array(labels), str, task="classification", test_fraction=fraction)
    assert sorted([*aim.train, *aim.test]) == list(range(len(labels)))
    for side in (aim.train, aim.test):
        assert set(aim.y[side]) == set(range(len(aim.classes)))


def test_parquet_and_csv_are_the_same_data(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    frame = pandas.DataFrame({
        "number": np.arange(30) * 0.1, "word": ["a", "b", "c"] * 10, "flag": [True, False] * 15, "y": [0, 1, 2] * 10,
    })  # fmt: skip
    frame.assign(flag=frame.flag.astype(int)).to_csv(tmp_path / "f.csv", index=False)
    frame.to_parquet(tmp_path / "f.parquet")
    frame.astype({"word": "category"}).to_parquet(tmp_path / "g.parquet")
    one, two, three = (Table(tmp_path / name, "y").load() for name in ("f.csv", "f.parquet", "g.parquet"))
    assert one.hash == two.hash == three.hash


def test_separators_quotes_blank_lines_and_an_index_column(tmp_path: Path) -> None:
    plain = read_csv(write(tmp_path, rows("a,b", "1.5,x y", "2.5,z")))
    other = read_csv(write(tmp_path, '\ufeff;a;b\r\n0;1.5;"x y"\r\n\r\n1;2.5;z\r\n', "o.csv"))
    for name in ("a", "b"):
        assert list(plain.values[name]) == list(other.values[name])
    assert "left out" in other.note
    assert other.place(1) == "line 4"


def test_columns_may_be_named_by_counting(tmp_path: Path) -> None:
    assert list(read_csv(write(tmp_path, rows("0,1,2,label", "5,6,7,a"))).values) == ["0", "1", "2", "label"]
    assert list(read_csv(write(tmp_path, rows("1,2", "5,6"))).values) == ["1", "2"]


def test_missing_values_are_refused_dropped_or_filled(tmp_path: Path) -> None:
    lines = [f"{i},{'ab'[i % 2]},{i % 2}" for i in range(20)]
    lines[3], lines[5], lines[7] = ",b,1", "5,NA,1", "7,b,?"
    path = write(tmp_path, rows("n,w,y", *lines))
    with pytest.raises(ArgumentError, match=r"line 5: got a missing value \(3 in all: 'n' 1, 'w' 1, 'y' 1\)"):
        Table(path, "y").load()
    dropped = Table(path, "y", missing="drop").load()
    assert len(dropped.train[0]) + len(dropped.test[0]) == 17
    assert "3 rows" in dropped.about
    filled = Table(path, "y", missing="mean").load()
    assert len(filled.train[0]) + len(filled.test[0]) == 19
    every = torch.cat([filled.train[0], filled.test[0]])
    assert (every[:, 0] == 0).sum() == 1, "the missing number is the mean of the training rows"
    assert (every[:, 1:].sum(1) == 0).sum() == 1, "the missing text is in no column"


def test_ten_thousand_columns_work(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    path = tmp_path / "wide.csv"
    with path.open("w") as file:
        writer = csv.writer(file)
        writer.writerow([*(f"c{i}" for i in range(10_000)), "y"])
        writer.writerows([*generator.integers(0, 99, 10_000), i % 2] for i in range(12))
    assert Table(path, "y").load().shape[0] > 9_900


GOOD = [f"{i},{'ab'[i % 2]}" for i in range(12)]

BAD = {
    "empty": ("", {}, r"t\.csv: got an empty file"),
    "blank": ("\n\n", {}, r"t\.csv: got an empty file"),
    "header only": ("x,y\n", {}, r"t\.csv: line 2: got the end of the file"),
    "one row": ("x,y\n1,a\n", {}, r"t\.csv: column 'y': got 1 row; expected at least two"),
    "no header": (rows("1,2.5", "3,4"), {}, r"t\.csv: line 1: got 2 numbers among 2 cells .*header"),
    "no header, some text": (rows("18,ford,70", "3,x,4"), {}, r"line 1: got 2 numbers among 3 cells"),
    "no name": (rows("x,,y", "3,4,a"), {}, r"line 1, column 2: got no name"),
    "same name twice": (rows("x,y,x", "3,4,5"), {}, r"names in line 1: got 'x' more than once"),
    "ragged": (rows("x,y", *GOOD, "1,2,3"), {}, r"line 14: got 3 cells; expected 2"),
    "text among numbers": (rows("x,y", *GOOD, "oops,a"), {}, r"line 14, column 'x': got 'oops'; expected a number"),
    "comma for a point": (rows("x;y", *(f"{i}.5;a" for i in range(9)), "1,5;b"), {}, r"'1,5'.*with a point"),
    "infinite": (rows("x,y", *GOOD, "inf,a"), {}, r"line 14, column 'x': got inf; expected a finite number"),
    "constant target": (rows("x,y", "1,a", "2,a", "3,a"), {}, r"column 'y': got the same value in every row, 'a'"),
    "constant number": (rows("x,y", "1,7", "2,7", "3,7"), {"task": "regression"}, r"got the same value .* 7"),
    "constant inputs": (rows("x,y", "1,a", "1,b", "1,a", "1,b"), {}, r"no column that varies"),
    "lonely class": (rows("x,y", *GOOD, "1,c"), {}, r"column 'y', line 14: got the only example of class 'c'"),
    "words to regress": (rows("x,y", *GOOD), {"task": "regression"}, r"line 2: got the text 'a'; expected a number"),
    "many texts": (rows("z,y", *(f"n{i},{i % 2}" for i in range(99))), {}, r"'z': got 7\d different texts.*--drop z"),
    "many classes": (rows("x,y", *(f"{i},{i // 2}c" for i in range(4000))), {}, r"2,000 classes; expected at most"),
    "not UTF-8": (b"x,y\n1,a\n2,\xe9t\xe9\n", {}, r"line 3, byte 3: got b'\\xe9.*iconv"),
    "UTF-16": ("x,y\n1,a\n".encode("utf-16"), {}, r"line 1, byte 1: .*iconv -f utf-16"),
    "binary": (b"\x89PNG\0\0\n1,2\n", {}, r"line 1: got binary data"),
    "open quote": ('x,y\n1,"a\n2,b\n', {}, r"t\.csv: got .*; expected .*quotes"),
    "bad fraction": (rows("x,y", *GOOD), {"test_fraction": 1.0}, r"test_fraction: got 1\.0; expected .*0 and 1"),
    "bad task": (rows("x,y", *GOOD), {"task": "regresion"}, r"task: got regresion; .*Did you mean 'regression'"),
    "bad missing": (rows("x,y", *GOOD), {"missing": "fill"}, r"missing: got fill; expected one of refuse, drop, mean"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_tables_are_told_in_one_line(case: str, tmp_path: Path) -> None:
    text, options, message = BAD[case]
    path = write(tmp_path, text)
    with pytest.raises(ArgumentError, match=message) as caught:
        Table(path, "y", **options).load()
    assert "\n" not in str(caught.value)


def test_names_that_are_not_there(tmp_path: Path) -> None:
    path = write(tmp_path, rows("age,left", *GOOD))
    with pytest.raises(UnknownNameError, match=r"'lft'; did you mean left"):
        Table(path, "lft").load()
    with pytest.raises(UnknownNameError, match=r"'agee'; did you mean age"):
        Table(path, "left", drop=("agee",)).load()
    with pytest.raises(ArgumentError, match=r"target: got none; expected .*one of age, left"):
        Table(path).load()
    with pytest.raises(UnknownNameError, match=r"'left'; .*age"):
        Table(path, "left", drop=("left",)).load()


def test_bad_parquet(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "p.parquet"
    path.write_bytes(b"")
    with pytest.raises(ArgumentError, match=r"p\.parquet: got .*; expected a Parquet file"):
        Table(path, "y").load()
    parquet.write_table(arrow.table({"x": [1.0], "y": [1]}).slice(0, 0), path)
    with pytest.raises(ArgumentError, match="got no rows"):
        Table(path, "y").load()
    parquet.write_table(arrow.table({"x": [[1.0]] * 8, "z": list(range(8)), "y": [0, 1] * 4}), path)
    with pytest.raises(ArgumentError, match=r"column 'x': got the type list.*--drop x"):
        Table(path, "y").load()
    assert Table(path, "y", drop=("x",)).load().shape == (1,)


def test_csv_needs_no_extra_and_parquet_names_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("pandas", "pyarrow", "pyarrow.parquet"):
        monkeypatch.setitem(sys.modules, name, None)
    assert Table(write(tmp_path, rows("x,y", *GOOD)), "y").load().shape == (1,)
    with pytest.raises(MissingExtraError, match=r"pip install 'unbend\[data\]'"):
        Table(write(tmp_path, "", "t.parquet"), "y").load()


def test_source_picks_the_reader_and_refuses_what_does_not_suit(tmp_path: Path) -> None:
    path = write(tmp_path, rows("x,y", *GOOD), "Churn.CSV")
    assert source(path, target="y", drop=("a",)) == Table(path, "y", drop=("a",))
    for wrong, message in {
        tmp_path / "churn.csv": r"got no such file; expected .*Did you mean .*Churn\.CSV",
        write(tmp_path, "x", "t.xlsx"): r"got the ending '\.xlsx'; expected a \.csv",
    }.items():
        with pytest.raises(UnbendError, match=message):
            source(wrong)
    with pytest.raises(ArgumentError, match=r"image_size: got 8; expected nothing"):
        source(path, target="y", image_size=8)
