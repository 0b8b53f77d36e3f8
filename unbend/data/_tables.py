"""Small tables that scikit-learn and mlxtend ship."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unbend._errors import extra
from unbend.data._about import about
from unbend.data._dataset import Dataset


def diabetes() -> Dataset:
    """Progression of diabetes in a year, from ten measurements.

    442 patients as scikit-learn ships them (Efron, Hastie, Johnstone, Tibshirani 2004; BSD-3): age, sex, body mass
    index, blood pressure and six values of blood serum. Three rows in ten, evenly spread, are the test set. Inputs and
    target standardised by the training rows.
    """
    x, y = np.loadtxt(_file("diabetes_data_raw.csv.gz")), np.loadtxt(_file("diabetes_target.csv.gz"))
    return _table("diabetes", x, y)


def wine() -> Dataset:
    """Three growers of wine, told from thirteen chemical measurements.

    178 wines as scikit-learn ships them (UCI Wine; CC BY 4.0). Three rows in ten, evenly spread, are the test set.
    Inputs standardised by the training rows.
    """
    rows = _rows("wine_data.csv")
    return _table("wine", rows[:, :-1], rows[:, -1], classes=3)


def breast_cancer() -> Dataset:
    """Malignant (0) or benign (1), from thirty measurements of cell nuclei.

    569 tumours as scikit-learn ships them (UCI Breast Cancer Wisconsin, Diagnostic; CC BY 4.0). Three rows in ten,
    evenly spread, are the test set. Inputs standardised by the training rows.
    """
    rows = _rows("breast_cancer.csv")
    return _table("breast-cancer", rows[:, :-1], rows[:, -1], classes=2)


def auto_mpg() -> Dataset:
    """Miles per gallon of cars of 1970 to 1982; needs the `data` extra.

    392 cars as mlxtend ships them (UCI Auto MPG, after Quinlan 1993; CC BY 4.0). Inputs, in order: cylinders,
    displacement, horsepower, weight, acceleration, year, and whether built in the USA and in Europe. Three rows in ten,
    evenly spread, are the test set. Inputs and target standardised by the training rows.
    """
    rows, mpg = extra("mlxtend.data", "data").autompg_data()
    origin = rows[:, 6:7] == np.array([1, 2])
    return _table("auto-mpg", np.concatenate([rows[:, :6], origin], axis=1), mpg)


def _table(name: str, x: NDArray[np.float64], y: NDArray[np.float64], classes: int | None = None) -> Dataset:
    import torch

    # The rows of wine stand class by class: the same share of each is held back.
    held = np.isin(np.arange(len(x)) % 10, (2, 5, 8))
    inputs = torch.from_numpy(standard(x, ~held))
    targets = torch.from_numpy(y.astype(np.int64) if classes else standard(y[:, None], ~held))
    train, test = (torch.from_numpy(np.flatnonzero(rows)) for rows in (~held, held))
    return Dataset(
        name,
        "classification" if classes else "regression",
        (inputs[train], targets[train]),
        (inputs[test], targets[test]),
        classes=classes,
        about=about(name),
    )


def standard(x: NDArray[np.float64], train: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Columns of mean 0 and deviation 1 over the training rows."""
    mean, deviation = x[train].mean(0), x[train].std(0)
    # Rounded, because the last bits of a sum differ between machines, and the hash of the contents must not.
    mean, deviation = (np.array([float(f"{value:.6g}") for value in row]) for row in (mean, deviation))
    return ((x - mean) / deviation).astype(np.float32)


def _rows(name: str) -> NDArray[np.float64]:
    return np.loadtxt(_file(name), delimiter=",", skiprows=1)


def _file(name: str) -> Path:
    # Read from the file: importing the package costs over a second.
    spec = find_spec("sklearn")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "datasets" / "data" / name
