"""What the studies of gated and rippled bends are built of."""

import pytest
import torch
from torch import nn

from unbend.activations import GELU, XATLU, XGEGLU, ReLU, StochasticGELU, Swish, VeLU
from unbend.data import load
from unbend.models import small_block_decoder
from unbend.studies import find
from unbend.studies.crrelu import strength
from unbend.studies.gelu import Autoencoder, rebuilt
from unbend.studies.swish import stack
from unbend.studies.velu import Regularised
from unbend.studies.xgate import expansion, gated


def test_every_block_of_the_study_has_the_same_parameters():
    study, data = find("glu-variants"), load("stdlib-text")
    counts = [
        sum(p.numel() for p in small_block_decoder(study.arm(name), data, 32).parameters()) for name in study.arms
    ]
    assert max(counts) - min(counts) <= 2 * 32


def test_the_mean_expansion():
    model = nn.Sequential(XATLU(0.5), nn.Sequential(gated(6, 24, XGEGLU)), GELU())
    assert expansion(model, load("sine")) == {"expansion": 0.25}
    assert expansion(nn.Sequential(GELU()), load("sine")) == {"expansion": 0.0}
    assert strength(nn.Sequential(GELU()), load("sine")) == {"strength": 0.0}


def test_what_the_units_add_to_the_loss():
    torch.manual_seed(0)
    model = Regularised(nn.Sequential(nn.Linear(4, 5), VeLU(), nn.Linear(5, 3), VeLU())).train()
    out, y = model(torch.randn(7, 4)), torch.arange(7) % 3
    added = sum(float(part.reg_loss.detach()) for part in model.modules() if isinstance(part, VeLU))
    plain = float(nn.functional.cross_entropy(out, y).detach())
    assert added > 0
    assert float(model.loss(out, y).detach()) == pytest.approx(plain + added)
    model.eval()
    model(torch.randn(7, 4))
    assert float(model.loss(out, y).detach()) == pytest.approx(plain)


@pytest.mark.parametrize("kind", [ReLU, Swish])
def test_deep_stacks_are_drawn_as_their_bend_asks_for(kind):
    torch.manual_seed(0)
    model = stack(load("digits"), 256, kind, 4)
    linear = [part for part in model.modules() if isinstance(part, nn.Linear)]
    assert len(linear) == 5
    assert len([part for part in model.modules() if isinstance(part, kind)]) == 4
    for layer in linear[1:-1]:
        assert float(layer.weight.detach().std()) == pytest.approx(kind().weight_std(256), rel=0.02)
        assert not layer.bias.detach().any()


def test_the_autoencoder_is_judged_by_what_it_rebuilds():
    torch.manual_seed(0)
    data = load("digits")
    model = Autoencoder(data, 32, StochasticGELU).train()
    x, y = data.train
    steps = torch.optim.Adam(model.parameters(), 1e-2)
    before = rebuilt(model.eval(), data)["error"]
    for _ in range(60):
        steps.zero_grad()
        model.loss(model.train()(x), y).backward()
        steps.step()
    after = rebuilt(model.eval(), data)["error"]
    assert after < 0.9 < 1 < before + 0.2
    assert model(x).shape == (len(x), 10)


@pytest.mark.parametrize("name", ["relu", "tanh"])
def test_relu_continues_as_a_line_and_tanh_as_a_constant(name):
    torch.manual_seed(0)
    study, data = find("snake"), load("sine")
    model = study.trial.network(study.arm(name), data, 32).double()
    x, y = (part.double() for part in data.train)
    steps = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(100):
        steps.zero_grad()
        (model(x) - y).square().mean().backward()
        steps.step()
    far = torch.tensor([[1e5], [2e5], [3e5]], dtype=torch.float64)
    first, second, third = model(far).detach().flatten().tolist()
    if name == "relu":
        assert third - second == pytest.approx(second - first, rel=1e-9)
        assert abs(third - second) > 1
    else:
        assert third == pytest.approx(second, abs=1e-9)
        assert second == pytest.approx(first, abs=1e-9)
