"""Two seasonal series, to be foretold from time alone."""

import csv
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unbend._errors import extra
from unbend.data._about import about
from unbend.data._dataset import Dataset
from unbend.data._tables import standard

_TRAIN = 0.7


def sunspots() -> Dataset:
    """Yearly number of sunspots from time alone, and after the years of training; needs the `data` extra.

    1700 to 2008 as statsmodels ships them (SILSO, Royal Observatory of Belgium; public domain). The input is time in
    decades from the middle of training; the first 70 % are for training, what follows is the test. Target standardised.
    """
    rows = _rows("sunspots")
    year, spots = (np.array([float(row[i]) for row in rows]) for i in (0, 1))
    return _series("sunspots", year / 10, spots)


def co2() -> Dataset:
    """Carbon dioxide over Mauna Loa without its trend, from time alone, and after the years of training.

    Weekly means 1958 to 2001 as statsmodels ships them (Keeling and Whorf, CDIAC; public domain; needs the `data`
    extra), weeks without a value left out. The trend that is taken off is the quadratic of least squares over the
    training weeks. The input is time in years from the middle of training; the first 70 % are for training, what
    follows is the test. Target standardised.
    """
    rows = [row for row in _rows("co2") if row[1]]
    days = np.array([datetime.strptime(row[0], "%Y%m%d").toordinal() for row in rows], np.float64)
    parts = np.array([float(row[1]) for row in rows])
    year = (days - days[0]) / 365.25
    early = slice(round(_TRAIN * len(year)))
    trend = np.polynomial.Polynomial.fit(year[early], parts[early], 2)
    return _series("co2", year, np.round(parts - trend(year), 3))


def _series(name: str, time: NDArray[np.float64], y: NDArray[np.float64]) -> Dataset:
    import torch

    cut = round(_TRAIN * len(time))
    middle = np.round((time[0] + time[cut - 1]) / 2, 3)
    x = torch.from_numpy((time - middle).astype(np.float32)[:, None])
    target = torch.from_numpy(standard(y[:, None], np.arange(len(y)) < cut))
    return Dataset(name, "regression", (x[:cut], target[:cut]), (x[cut:], target[cut:]), about=about(name))


def _rows(name: str) -> list[list[str]]:
    folder = Path(extra("statsmodels", "data").__path__[0]) / "datasets" / name
    with (folder / f"{name}.csv").open(newline="") as file:
        return list(csv.reader(file))[1:]
