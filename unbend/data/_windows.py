"""Windows of real series: what was, and what came after."""

import lzma

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from unbend.data._about import about
from unbend.data._dataset import Dataset
from unbend.data._files_base import data_file

_ETT = "ETTh1.csv of github.com/zhouhaoyi/ETDataset, packed by xz"
_ILLNESS = "national_illness.csv of the long-horizon benchmarks (US CDC ILINet), packed by xz"
_EURO = (
    "Daily euro reference rates of the European Central Bank, as an npz file with `rates` (days, currencies) of the "
    "currencies that have one on every day"
)


def ett_h1() -> Dataset:
    """The next 24 hours of an electricity transformer's load and temperature, from 96 hours; needs $UNBEND_DATA.

    Seven hourly series of two years (ETTh1; Zhou et al. 2021; CC BY-ND 4.0). Months 1 to 12 train, months 17 to 20 are
    the test; each series standardised by its training months. A row is one series' window, every six hours; windows of
    all series together. File: ett/ETTh1.csv.xz.
    """
    hours = 30 * 24
    return _dataset("ett-h1", _csv("ett/ETTh1.csv.xz", _ETT)[: 20 * hours], 12 * hours, 16 * hours, 96, 24, 6)


def illness() -> Dataset:
    """The next 24 weeks of influenza in the United States, from 96 weeks; needs $UNBEND_DATA.

    Seven weekly series 2002 to 2020 (CDC ILINet; public domain). The first 70 % train, the last 20 % are the test; each
    series standardised by its training weeks. A row is one series' window; windows of all series together. File:
    national_illness/national_illness.csv.xz.
    """
    series = _csv("national_illness/national_illness.csv.xz", _ILLNESS)
    return _dataset("illness", series, round(0.7 * len(series)), round(0.8 * len(series)), 96, 24, 1)


def euro_rates() -> Dataset:
    """The next 24 days of exchange rates of the euro, from 96 days; needs $UNBEND_DATA.

    Logarithms of the daily rates of 17 currencies since 1999 (European Central Bank, free with its name). The first 70
    % train, the last 20 % are the test; each series standardised by its training days. A row is one series' window,
    every ten days; windows of all series together. File: euro_fx/euro_fx.npz.
    """
    with np.load(data_file("euro_fx/euro_fx.npz", _EURO), allow_pickle=False) as file:
        series = np.log(file["rates"].astype(np.float64))
    return _dataset("euro-rates", series, round(0.7 * len(series)), round(0.8 * len(series)), 96, 24, 10)


def _csv(name: str, origin: str) -> NDArray[np.float64]:
    """Every column but the first, which is the date."""
    with lzma.open(data_file(name, origin), "rt") as file:
        return np.genfromtxt(file, delimiter=",", skip_header=1)[:, 1:]


def _dataset(
    name: str, series: NDArray[np.float64], train: int, test: int, lookback: int, horizon: int, stride: int
) -> Dataset:
    """Windows whose last value is among the first `train`, and windows whose future begins at `test` or later."""
    import torch

    early = series[:train]
    series = (series - early.mean(0)) / early.std(0)

    def rows(part: NDArray[np.float64]) -> "tuple[torch.Tensor, torch.Tensor]":
        # Counted from the end, so that the last window is never left out.
        windows = sliding_window_view(part, lookback + horizon, axis=0)[::-1][::stride][::-1]
        flat = torch.from_numpy(np.ascontiguousarray(windows.reshape(-1, lookback + horizon), np.float32))
        return flat[:, :lookback].clone(), flat[:, lookback:].clone()

    return Dataset(name, "regression", rows(series[:train]), rows(series[test - lookback :]), about=about(name))
