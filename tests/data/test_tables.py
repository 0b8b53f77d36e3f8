"""The tables are scikit-learn's, standardised by their training rows."""

import numpy as np
import pytest
import torch
from sklearn import datasets
from sklearn.linear_model import LinearRegression, LogisticRegression

from unbend.data import load

# A changed hash makes every stored cell another cell: change it only together with a reason in the commit.
HASHES = {"diabetes": "1c54c8cb", "wine": "6faad1d4", "breast-cancer": "d5ce4baf"}


def theirs(name: str) -> tuple[np.ndarray, np.ndarray]:
    if name == "diabetes":
        return datasets.load_diabetes(return_X_y=True, scaled=False)
    return getattr(datasets, f"load_{name.replace('-', '_')}")(return_X_y=True)


@pytest.mark.parametrize("name", HASHES)
def test_contents_are_the_same_on_every_machine(name: str) -> None:
    data = load(name)
    assert data.hash.startswith(HASHES[name])
    torch.testing.assert_close(data.train[0].mean(0), torch.zeros(data.shape), atol=1e-4, rtol=0)
    torch.testing.assert_close(data.train[0].std(0, correction=0), torch.ones(data.shape), atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", HASHES)
def test_rows_are_those_of_scikit_learn(name: str) -> None:
    x, y = theirs(name)
    data = load(name)
    held = np.isin(np.arange(len(x)) % 10, (2, 5, 8))
    for ours, rows in ((data.train, ~held), (data.test, held)):
        z = (x[rows] - x[~held].mean(0)) / x[~held].std(0)
        np.testing.assert_allclose(ours[0].numpy(), z, atol=1e-4)
        target = y[rows] if data.classes else ((y[rows] - y[~held].mean()) / y[~held].std())[:, None]
        np.testing.assert_allclose(ours[1].numpy(), target, atol=1e-4)


def test_cars() -> None:
    pytest.importorskip("mlxtend")
    data = load("auto-mpg")
    assert data.hash.startswith("d04624bd")
    assert data.shape == (8,)
    assert len(data.train[0]) + len(data.test[0]) == 392
    heavy = torch.corrcoef(torch.stack([data.train[0][:, 3], data.train[1][:, 0]]))[0, 1]
    assert heavy < -0.8, "heavy cars go fewer miles"
    assert 0.75 < LinearRegression().fit(*data.train).score(*data.test) < 0.9


def test_what_linear_models_reach() -> None:
    data = load("diabetes")
    assert 0.35 < LinearRegression().fit(*data.train).score(*data.test) < 0.6
    for name in ("wine", "breast-cancer"):
        data = load(name)
        assert LogisticRegression(max_iter=500).fit(*data.train).score(*data.test) > 0.94
