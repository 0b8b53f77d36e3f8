"""The small networks put the arm where they say, and learn."""

from functools import partial

import pytest
import torch
from torch import nn

from unbend.data import Dataset, load
from unbend.models import any_size, convolution, excited_convolution, small_bottleneck, small_cnn, small_mlp


class Spy(nn.Module):
    """Counts how often it is made and called, and with what."""

    made: list[tuple[object, ...]]

    def __init__(self, *args: object) -> None:
        super().__init__()
        self.made.append(args)
        self.seen: list[tuple[int, ...]] = []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.seen.append(tuple(x.shape))
        return x


@pytest.fixture
def spy() -> type[Spy]:
    return type("Spy", (Spy,), {"made": []})


def images(*shape: int) -> Dataset:
    x, y = torch.randn(6, *shape), torch.arange(6) % 3
    return Dataset("made", "classification", (x, y), (x, y), classes=3)


@pytest.mark.parametrize(("network", "places"), [(small_mlp, 2), (small_cnn, 5)])
def test_every_bend_is_a_fresh_one(spy: type[Spy], network, places: int) -> None:
    model = network(spy, images(3, 7, 5), 8)
    assert spy.made == [()] * places
    assert model(torch.zeros(2, 3, 7, 5)).shape == (2, 3)
    assert [len(bend.seen) for bend in model.modules() if isinstance(bend, spy)] == [1] * places


def test_the_mixer_is_told_the_map_that_it_gets(spy: type[Spy]) -> None:
    model = small_bottleneck(spy, images(2, 9, 6), 28, blocks=3)
    assert spy.made == [(12, (5, 3)), (12, (5, 3)), (16, (5, 3))]
    assert model(torch.zeros(2, 2, 9, 6)).shape == (2, 3)
    seen = [mixer.seen for mixer in model.modules() if isinstance(mixer, spy)]
    assert seen == [[(2, 12, 5, 3)], [(2, 12, 5, 3)], [(2, 16, 5, 3)]]


@pytest.mark.parametrize(("side", "map_side"), [(8, 8), (9, 5), (16, 8), (24, 8), (28, 7), (100, 8)])
def test_no_map_is_larger_than_eight_by_eight(spy: type[Spy], side: int, map_side: int) -> None:
    small_bottleneck(spy, images(1, side, side), 8, blocks=1)(torch.zeros(2, 1, side, side))
    assert spy.made == [(4, (map_side, map_side))]


def test_any_size_leaves_the_size_out(spy: type[Spy]) -> None:
    any_size(6, (5, 7), spy)
    assert spy.made == [(6,)]


def test_blocks_of_the_bottleneck_begin_as_the_identity() -> None:
    data = load("digits")
    one, three = (small_bottleneck(partial(any_size, mixer=convolution), data, 16, blocks=n) for n in (1, 3))
    three.load_state_dict(one.state_dict(), strict=False)
    head = len(three) - 1, len(one) - 1
    three[head[0]].load_state_dict(one[head[1]].state_dict())
    x = data.train[0][:5]
    torch.testing.assert_close(one.eval()(x), three.eval()(x))


@pytest.mark.parametrize("network", [small_mlp, small_cnn])
def test_other_tasks_get_as_many_outputs_as_targets(network) -> None:
    x, y = torch.randn(6, 1, 4, 4), torch.randn(6, 2)
    data = Dataset("made", "regression", (x, y), (x, y))
    assert network(nn.Tanh, data, 8)(x).shape == (6, 2)


@pytest.mark.parametrize(
    ("network", "make"),
    [(small_mlp, nn.ReLU), (small_cnn, nn.ReLU), (small_bottleneck, partial(any_size, mixer=excited_convolution))],
)
def test_cost_does_not_fall_as_the_width_grows(network, make) -> None:
    data = load("digits")
    with torch.device("meta"):
        sizes = [sum(p.numel() for p in network(make, data, w).parameters()) for w in range(1, 40)]
    assert sizes == sorted(sizes)
