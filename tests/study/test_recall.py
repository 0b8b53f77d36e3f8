"""Tasks in which few tokens are asked for: what is trained on, and what is counted."""

import torch
from torch import nn

from unbend.data import Dataset
from unbend.study import Arm, Asked, recall


def network(make: Arm, data: Dataset, width: int) -> nn.Module:
    return nn.Sequential(nn.Embedding(data.outputs, width), nn.Linear(width, data.outputs))


def data() -> Dataset:
    x = torch.tensor([[1, 2, 3, 4], [4, 3, 2, 1]])
    return Dataset("copy", "next-token", (x, x * (x > 2)), (x, x * (x > 2)), classes=5)


def test_what_is_not_asked_for_leaves_no_gradient() -> None:
    model = Asked(network)(Arm(nn.Identity), data(), 7)
    x, y = data().train
    out = model(x)
    (gradient,) = torch.autograd.grad(model.loss(out, y), out)
    assert torch.equal(gradient.abs().sum(-1) > 0, y > 0)


def test_recall_counts_what_is_asked_for() -> None:
    class Copies(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return nn.functional.one_hot(torch.where(x == 3, 1, x), 5).float()

    assert recall(Copies(), data()) == {"recall": 0.5}
