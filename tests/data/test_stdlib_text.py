"""The text is that of Python's help, in windows whose targets are moved on by one."""

from pydoc_data.topics import topics

import torch

from unbend.data import load


def test_windows_follow_the_text() -> None:
    data = load("stdlib-text")
    text = "\n\n".join(topics[name] for name in sorted(topics))
    symbols = sorted(set(text))
    assert data.classes == len(symbols)
    x = torch.cat([data.train[0], data.test[0]]).flatten()
    assert "".join(symbols[i] for i in x.tolist()) == text[: len(x)]
    y = torch.cat([data.train[1], data.test[1]]).flatten()
    assert torch.equal(y[:-1], x[1:])
    assert 0.09 < len(data.test[0]) / len(data.train[0]) < 0.12
