"""Windows of series, where their files are."""

import lzma

import numpy as np
import pytest
import torch

from tests._shared import shared
from unbend._errors import MissingDataError
from unbend.data import ett_h1, euro_rates, illness

LOADERS = {
    "ett/ETTh1.csv.xz": ett_h1,
    "national_illness/national_illness.csv.xz": illness,
    "euro_fx/euro_fx.npz": euro_rates,
}


@pytest.mark.parametrize("name", LOADERS)
def test_windows_follow_one_another(name, monkeypatch) -> None:
    monkeypatch.setenv("UNBEND_DATA", str(shared(name).parents[1]))
    data = LOADERS[name]()
    assert data.shape == (96,)
    assert data.outputs == 24
    x, y = data.train
    assert abs(float(x.mean())) < 0.3
    assert abs(float(x.std()) - 1) < 0.3
    series = {"ett/ETTh1.csv.xz": 7, "euro_fx/euro_fx.npz": 17}.get(name, 7)
    step = {"ett/ETTh1.csv.xz": 6, "euro_fx/euro_fx.npz": 10}.get(name, 1)
    # The next window of the same series is the same numbers, moved on.
    whole = torch.cat([x, y], 1)
    assert torch.equal(whole[series:, :-step], whole[:-series, step:])


def test_the_last_window_ends_with_the_file(monkeypatch) -> None:
    path = shared("national_illness/national_illness.csv.xz")
    monkeypatch.setenv("UNBEND_DATA", str(path.parents[1]))
    with lzma.open(path, "rt") as file:
        series = np.genfromtxt(file, delimiter=",", skip_header=1)[:, 1:]
    early = series[: round(0.7 * len(series))]
    wanted = ((series[-24:] - early.mean(0)) / early.std(0)).T
    np.testing.assert_allclose(illness().test[1][-7:], wanted, rtol=1e-4, atol=1e-5)


def test_no_future_is_in_both_parts(monkeypatch) -> None:
    monkeypatch.setenv("UNBEND_DATA", str(shared("ett/ETTh1.csv.xz").parents[1]))
    data = ett_h1()
    # But for stretches in which a sensor stood still.
    train, test = ({tuple(row) for row in y.tolist() if len(set(row)) > 12} for y in (data.train[1], data.test[1]))
    assert len(test) > 1000
    assert not train & test


@pytest.mark.parametrize("load", LOADERS.values())
def test_what_is_missing_is_named(load, monkeypatch) -> None:
    monkeypatch.delenv("UNBEND_DATA", raising=False)
    with pytest.raises(MissingDataError, match=r"\$UNBEND_DATA is not set"):
        load()
