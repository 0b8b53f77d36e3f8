"""MoFME: what remains with one expert or with none that modulates, the routers' limits, and the count of parameters."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unbend._errors import ArgumentError
from unbend.layers import FeatureModulation, MoFME, TopKRouter, UncertaintyRouter

DOUBLE = torch.float64


def shared(layer: MoFME, x: Tensor) -> Tensor:
    n = layer.norm(x)
    return F.gelu(layer.gate(n)) * layer.linear(n)


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_modulation_is_its_formula() -> None:
    layer, t = FeatureModulation(5, 3, dtype=DOUBLE), torch.randn(2, 7, 5, dtype=DOUBLE)
    g, b = layer.scale.weight.view(3, 5, 5), layer.shift.weight.view(3, 5, 5)
    for k in range(3):
        scale = t @ g[k].T + layer.scale.bias.view(3, 5)[k]
        expected = scale * t + t @ b[k].T + layer.shift.bias.view(3, 5)[k]
        torch.testing.assert_close(layer(t)[..., k, :], expected)
    assert count(layer) == 3 * (2 * 25 + 2 * 5)


def test_one_expert_is_one_modulation_of_the_shared_layer() -> None:
    layer, x = MoFME(6, experts=1, k=1, dtype=DOUBLE), torch.randn(2, 7, 6, dtype=DOUBLE)
    expected = x + layer.adapt(layer.modulate(shared(layer, x))[..., 0, :])
    torch.testing.assert_close(layer(x), expected)


def test_no_modulation_gives_zero_and_a_scale_of_one_the_shared_layer() -> None:
    layer, x = MoFME(6, experts=4, k=2, dtype=DOUBLE), torch.randn(2, 7, 6, dtype=DOUBLE)
    for p in layer.modulate.parameters():
        nn.init.zeros_(p)
    torch.testing.assert_close(layer(x), x + layer.adapt(torch.zeros_like(x)))
    nn.init.ones_(layer.modulate.scale.bias)
    torch.testing.assert_close(layer(x), x + layer.adapt(shared(layer, x)))


def test_parameters_grow_by_a_modulation_and_a_row_of_the_router() -> None:
    counts = [count(MoFME(6, experts=e, k=1)) for e in (1, 2, 5, 9)]
    each = 2 * 36 + 2 * 6 + 6 + 1
    assert [c - counts[0] for c in counts] == [each * more for more in (0, 1, 4, 8)]


def test_official_indexing_takes_gelu_for_the_first_expert() -> None:
    layer = MoFME(6, experts=3, k=2, router="plain", official_indexing=True, dtype=DOUBLE)
    x = torch.randn(11, 6, dtype=DOUBLE)
    t, weights = shared(layer, x), layer.router(x)
    said = layer.modulate(t)
    assert said.shape == (11, 2, 6)
    z = weights[:, :1] * F.gelu(t) + weights[:, 1:2] * said[:, 0] + weights[:, 2:] * said[:, 1]
    torch.testing.assert_close(layer(x), x + layer.adapt(z))
    assert count(layer) == count(MoFME(6, experts=2, k=2, router="plain")) + 7


@pytest.mark.parametrize("kind", [TopKRouter, UncertaintyRouter])
@pytest.mark.parametrize("k", [1, 2, 5])
def test_weights_are_those_of_the_largest_scores(kind: type[nn.Module], k: int) -> None:
    router, x = kind(6, 5, k, dtype=DOUBLE).eval(), torch.randn(31, 6, dtype=DOUBLE)
    weights, scores = router(x), router.score(x)
    torch.testing.assert_close(weights.sum(-1), torch.ones(31, dtype=DOUBLE))
    assert bool(((weights > 0).sum(-1) == k).all())
    rank = scores.argsort(-1, descending=True).argsort(-1)
    assert bool(((weights > 0) == (rank < k)).all())
    torch.testing.assert_close(weights, scores.masked_fill(rank >= k, float("-inf")).softmax(-1))


def test_a_router_that_does_not_waver_trains_as_it_is_used() -> None:
    router, x = UncertaintyRouter(6, 5, 2, dropout=0.0), torch.randn(31, 6)
    torch.testing.assert_close(router.train()(x), router.eval()(x))


def test_scores_that_waver_count_for_less() -> None:
    torch.manual_seed(0)
    router = UncertaintyRouter(8, 2, 2, samples=400, dropout=0.5, dtype=DOUBLE)
    with torch.no_grad():
        router.score.bias.zero_()
        router.score.weight[0] = 1.0  # eight features add up
        router.score.weight[1] = torch.tensor([8.0] + [0.0] * 7)  # one decides
    x = torch.ones(1, 8, dtype=DOUBLE)
    torch.testing.assert_close(router.eval()(x), torch.full((1, 2), 0.5, dtype=DOUBLE))
    # Deviations at p = 1/2: 8^(1/2) and 8, of a mean of 8.
    expected = torch.tensor([[8 / (1 + 8**0.5), 8 / 9]], dtype=DOUBLE).softmax(-1)
    torch.testing.assert_close(router.train()(x), expected, atol=0.03, rtol=0)
    router.calibration = "none"
    torch.testing.assert_close(router(x), torch.full((1, 2), 0.5, dtype=DOUBLE), atol=0.2, rtol=0)


def test_training_gradients_are_finite_where_samples_agree() -> None:
    router = UncertaintyRouter(6, 5, 2, samples=1)
    x = torch.randn(31, 6, requires_grad=True)
    (router(x) * torch.randn(31, 5)).sum().backward()
    assert all(bool(t.grad.isfinite().all()) for t in (x, *router.parameters()))
    assert float(router.score.weight.grad.abs().sum()) > 0


def test_tokens_do_not_mix() -> None:
    layer, x = MoFME(6, experts=4), torch.randn(3, 7, 6)
    layer.eval()
    torch.testing.assert_close(layer(x), torch.stack([layer(row) for row in x.unbind(1)], 1))


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(ArgumentError, match="k: got 5; expected at most 4"):
        MoFME(6, experts=4, k=5)
    with pytest.raises(ArgumentError, match="router: got none"):
        MoFME(6, router="none")
    with pytest.raises(ArgumentError, match="experts: got 1"):
        MoFME(6, experts=1, k=1, official_indexing=True)
    with pytest.raises(ArgumentError, match="calibration"):
        UncertaintyRouter(6, 4, calibration="covariance")
    with pytest.raises(ArgumentError, match="dropout"):
        UncertaintyRouter(6, 4, dropout=1.0)
