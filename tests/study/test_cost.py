"""Operations by hand count, and the memory that is alive at once."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from unbend.activations import GoLU
from unbend.study import PeakMemory, count_operations


class Call(nn.Module):
    """A function as a module."""

    def __init__(self, function) -> None:
        super().__init__()
        self.function = function

    def forward(self, *x: torch.Tensor) -> torch.Tensor:
        return self.function(*x)


@pytest.mark.parametrize(
    ("model", "shape", "matrix", "elementwise"),
    [
        (nn.Linear(3, 5), (7, 3), 2 * 7 * 3 * 5, 0),
        (nn.Conv2d(2, 3, 5, padding=2), (1, 2, 7, 11), 2 * 7 * 11 * 3 * 2 * 25, 0),
        (nn.Conv2d(6, 6, 3, groups=6, padding=1), (1, 6, 7, 11), 2 * 7 * 11 * 6 * 9, 0),
        (nn.LSTM(3, 5), (7, 1, 3), 2 * 7 * 4 * 5 * (3 + 5), 13 * 7 * 5),
        (nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2)), (7, 3), 2 * 7 * (15 + 10), 7 * 5),
        (nn.BatchNorm1d(5), (7, 5), 0, 4 * 35),
        (nn.Softmax(-1), (7, 5), 0, 5 * 35),
        (nn.AvgPool2d(2), (1, 3, 4, 4), 0, 48),
        (nn.AdaptiveAvgPool2d(1), (1, 3, 4, 4), 0, 48),
        (Call(lambda x: (x + 1).exp() * x), (7, 5), 0, 3 * 35),
        (Call(lambda x: x.sum(0)), (7, 5), 0, 35),
        (Call(lambda x: x.t().reshape(5, 7).contiguous()), (7, 5), 0, 0),
        (Call(lambda x: torch.einsum("bhik,bhjk->bhij", x, x)), (2, 3, 5, 7), 2 * 6 * 5 * 5 * 7, 0),
        (
            Call(lambda x: F.scaled_dot_product_attention(x, x, x)),
            (2, 3, 5, 8),
            2 * 2 * 6 * 5 * 5 * 8,
            6 * (2 * 40 + 5 * 25),
        ),
    ],
    ids=str,
)
def test_counts_are_those_made_by_hand(model: nn.Module, shape: tuple[int, ...], matrix: int, elementwise: int) -> None:
    for device in ("cpu", "meta"):
        cost = count_operations(model.to(device), torch.empty(shape, device=device))
        assert cost.uncounted == ()
        assert (cost.matrix, cost.elementwise) == (matrix, elementwise)
        assert cost.total == matrix + elementwise


def test_a_bend_counts_as_much_as_it_says() -> None:
    assert count_operations(nn.Sequential(nn.Linear(3, 5), GoLU()), torch.ones(7, 3)).elementwise == (
        35 * GoLU().cost().total
    )


def test_operators_without_a_price_are_named() -> None:
    cost = count_operations(Call(torch.linalg.cholesky), torch.eye(3))
    assert cost.total == 0
    assert [name.split(".")[1] for name in cost.uncounted] == ["linalg_cholesky_ex"]


def test_counting_changes_nothing() -> None:
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), GoLU(), nn.Dropout())
    model[1].eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    count_operations(model, torch.randn(2, 1, 5, 5))
    assert [module.training for module in model] == [True, False, True, True]
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


def test_peak_memory_sees_what_is_alive_together() -> None:
    x = torch.zeros(1000)
    with PeakMemory() as one_by_one:
        for _ in range(5):
            x.exp()
    with PeakMemory() as together:
        kept = [x.exp() for _ in range(5)]
    assert (one_by_one.bytes, together.bytes) == (4000, 20000)
    assert len(kept) == 5


def test_peak_memory_counts_no_view_and_nothing_from_before() -> None:
    layer, x = nn.Linear(100, 100), torch.zeros(10, 100)
    with PeakMemory() as peak, torch.no_grad():
        layer(x.view(2, 5, 100).flatten(0, 1))
    assert peak.bytes == 4000


def test_peak_memory_sees_what_the_way_back_needs() -> None:
    x = torch.zeros(1000, requires_grad=True)
    with PeakMemory() as forth, torch.no_grad():
        x.sin().sin().sin()
    with PeakMemory() as there_and_back:
        x.sin().sin().sin().sum().backward()
    assert forth.bytes == 8000
    assert there_and_back.bytes > 12000
