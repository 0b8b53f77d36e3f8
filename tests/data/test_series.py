"""The series are statsmodels', and the future is never trained on."""

import numpy as np
import pytest
import torch

from unbend.data import load

pd = pytest.importorskip("pandas")
sm = pytest.importorskip("statsmodels.datasets")

# A changed hash makes every stored cell another cell: change it only together with a reason in the commit.
HASHES = {"sunspots": "54570dc3", "co2": "00ecd34a"}


@pytest.mark.parametrize("name", HASHES)
def test_contents_are_the_same_on_every_machine(name: str) -> None:
    data = load(name)
    assert data.hash.startswith(HASHES[name])
    assert data.shape == (1,)
    assert float(data.train[0].max()) < float(data.test[0].min())
    assert abs(float(data.train[0][0] + data.train[0][-1])) < 0.01
    assert abs(float(data.train[1].mean())) < 1e-4
    assert abs(float(data.train[1].std(correction=0)) - 1) < 1e-4


def test_sunspots_have_a_cycle_of_eleven_years() -> None:
    data = load("sunspots")
    y = torch.cat([data.train[1], data.test[1]])[:, 0].numpy()
    raw = sm.sunspots.load_pandas().data["SUNACTIVITY"].to_numpy()
    assert np.corrcoef(y, raw)[0, 1] > 0.999999
    power = np.abs(np.fft.rfft(y - y.mean())) ** 2
    assert 10 < len(y) / power.argmax() < 12


def test_co2_without_trend_repeats_every_year() -> None:
    data = load("co2")
    x, y = (torch.cat([data.train[i], data.test[i]])[:, 0].numpy() for i in (0, 1))
    assert len(x) == int(sm.co2.load_pandas().data["co2"].notna().sum())
    basis = np.stack([np.ones_like(x), np.cos(2 * np.pi * x), np.sin(2 * np.pi * x)], 1)
    early = slice(len(data.train[0]))
    rest = y[early] - basis[early] @ np.linalg.lstsq(basis[early], y[early], rcond=None)[0]
    assert rest.var() < 0.2 * y[early].var()
