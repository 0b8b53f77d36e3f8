"""Swaps in networks as people have them; before and after an undo, their outputs agree bit for bit."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.surgery.nets import ResNet, detector, greedy, stories
from unbend.activations import Snake
from unbend.surgery import Account, swap


@torch.no_grad()
def there_and_back(model: nn.Module, rules: dict, run: Callable[[nn.Module], Tensor], **arguments: object) -> Account:
    """Dry run, swap, undo; every promise about them is checked on the way. The account of the swap."""
    model.eval()
    before, keys = run(model), list(model.state_dict())
    weights = {name: (parameter, parameter.clone()) for name, parameter in model.named_parameters()}
    foretold = swap(model, rules, dry_run=True, **arguments)[1]
    assert torch.equal(run(model), before)
    assert list(model.state_dict()) == keys
    swapped, account = swap(model, rules, **arguments)
    assert swapped is model
    assert [(row.path, row.call, row.status) for row in account.rows] == [
        (row.path, row.call, row.status) for row in foretold.rows
    ]
    assert not torch.equal(run(model), before)
    account.undo(model)
    assert torch.equal(run(model), before)
    assert list(model.state_dict()) == keys
    for name, parameter in model.named_parameters():
        assert parameter is weights[name][0]
        assert torch.equal(parameter, weights[name][1])
    return account


def test_residual_network() -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 3, 16, 16)
    account = there_and_back(ResNet((8, 16, 24)), {nn.ReLU: "golu"}, lambda model: model(x))
    assert [row.path for row in account.rows] == ["relu"] + [
        f"layer{n}.{block}.relu" for n in (1, 2, 3) for block in (0, 1) for _ in range(2)
    ]
    assert all(row.reason.startswith("was in place") for row in account.rows)


def test_the_trained_decoder_tells_its_story_and_another() -> None:
    model, file, words = stories()
    reference = torch.from_numpy(file["greedy_ids"]).long()
    logits = torch.from_numpy(file["logits_first16"])
    with torch.no_grad():
        torch.testing.assert_close(model(reference[None, :16])[0], logits, atol=1e-4, rtol=1e-4)
    assert torch.equal(greedy(model, 60), reference[:60])
    account = there_and_back(model, {nn.SiLU: "gelu"}, lambda model: model(reference[None]))
    assert [(row.path, row.before, row.after) for row in account.rows] == [
        (f"layers.{n}.ffn", "F.silu()", "GELU()") for n in range(5)
    ]
    model, account = swap(model, {nn.SiLU: "gelu"})
    other = greedy(model, 40)
    assert torch.equal(other[:10], reference[:10])
    assert not torch.equal(other, reference[:40])
    assert words(other).startswith("\n<s>\n Once upon a time, there was a little girl named Lily.")


def test_calibration_brings_the_decoder_back() -> None:
    model, file, _ = stories()
    reference = torch.from_numpy(file["greedy_ids"]).long()[None]

    @torch.no_grad()
    def loss() -> float:
        return F.cross_entropy(model(reference)[0, :-1], reference[0, 1:]).item()

    losses = {"silu": loss()}
    for calibrate in (None, reference[:, :100]):
        _, account = swap(model, {nn.SiLU: nn.ReLU}, calibrate=calibrate)
        losses["relu" if calibrate is None else "fitted"] = loss()
        account.undo(model)
    assert loss() == losses["silu"]
    assert losses["relu"] > losses["silu"] + 1, losses
    assert losses["fitted"] < losses["silu"] + 0.2, losses


@pytest.mark.parametrize(("name", "size", "weights"), [("pnet", 40, 6632), ("rnet", 24, 100178), ("onet", 48, 389040)])
def test_trained_detectors(name: str, size: int, weights: int) -> None:
    model = detector(name)
    x = torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(0)) * 2 - 1
    run = lambda model: torch.cat([out.flatten() for out in model(x)])  # noqa: E731 - shorter than a function
    with torch.no_grad():
        before, slopes = run(model), model.prelu1.weight
        model, account = swap(model, {nn.PReLU: "prelu"})
        assert torch.equal(run(model), before), "learned slopes are taken over"
        assert model.prelu1.weight is slopes
        assert (slopes < 0).any()
        account.undo(model)
    assert account.parameters == (weights, weights)
    account = there_and_back(model, {nn.PReLU: Snake}, run)
    assert all(row.parameters[0] == row.parameters[1] > 1 for row in account.rows), "one parameter for each channel"


@pytest.mark.parametrize("name", ["llama", "gpt2", "gpt2-gelu", "neox", "bert"])
def test_transformers(name: str) -> None:
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    small = {"vocab_size": 50, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    ids = torch.randint(3, 50, (2, 7))
    common = small | {"intermediate_size": 24, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
    tiny = {"vocab_size": 50, "n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 16}
    tiny |= {"bos_token_id": 1, "eos_token_id": 2}
    model, rules, path = {
        "llama": lambda: (
            transformers.LlamaForCausalLM(transformers.LlamaConfig(**common, num_key_value_heads=1)),
            {nn.SiLU: nn.GELU}, "model.layers.{}.mlp.act_fn",
        ),
        "gpt2": lambda: (
            transformers.GPT2LMHeadModel(transformers.GPT2Config(**tiny)),
            {"NewGELUActivation": "golu"}, "transformer.h.{}.mlp.act",
        ),
        "gpt2-gelu": lambda: (
            transformers.GPT2LMHeadModel(transformers.GPT2Config(**tiny, activation_function="gelu")),
            {nn.GELU: "golu"}, "transformer.h.{}.mlp.act",
        ),
        "neox": lambda: (
            transformers.GPTNeoXForCausalLM(transformers.GPTNeoXConfig(**common)),
            {"gelu": "silu"}, "gpt_neox.layers.{}.mlp.act",
        ),
        "bert": lambda: (
            transformers.BertModel(transformers.BertConfig(**common)),
            {F.gelu: "silu"}, "encoder.layer.{}.intermediate.intermediate_act_fn",
        ),
    }[name]()  # fmt: skip
    account = there_and_back(model, rules, lambda model: model(ids)[0])
    assert [row.path for row in account.swapped] == [path.format(n) for n in range(2)]
    seen = there_and_back(model, rules, lambda model: model(ids)[0], example={"input_ids": ids})
    assert [row.call for row in seen.rows] == [row.call for row in account.rows]


def test_softmax_of_a_transformers_decoder() -> None:
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=50, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2,
        attn_implementation="eager", pad_token_id=0, bos_token_id=1, eos_token_id=2,
    )  # fmt: skip
    model, ids = transformers.LlamaForCausalLM(config), torch.randint(3, 50, (2, 7))

    class Flat(nn.Module):
        def __init__(self, dim: int) -> None:
            super().__init__()
            self.dim = dim

        def forward(self, x: Tensor) -> Tensor:
            return (x / 4).softmax(self.dim)

    account = there_and_back(model, {F.softmax: Flat}, lambda model: model(ids)[0], example=ids)
    assert [(row.path, row.how) for row in account.rows] == [
        (f"model.layers.{n}.self_attn", "intercepted") for n in range(2)
    ]
    assert account.rows[0].call.startswith("eager_attention_forward in forward, modeling_llama.py:")
    model, _ = swap(model, {F.softmax: Flat}, example=ids)
    assert model.generate(ids, max_new_tokens=3, do_sample=False).shape == (2, 10)


@pytest.mark.vision
def test_vision_transformer() -> None:
    timm = pytest.importorskip("timm")
    torch.manual_seed(0)
    x = torch.randn(1, 3, 224, 224)
    model = timm.create_model("vit_tiny_patch16_224", pretrained=False)
    account = there_and_back(model, {nn.GELU: "golu"}, lambda model: model(x))
    assert [row.path for row in account.swapped] == [f"blocks.{n}.mlp.act" for n in range(12)]
    for block in model.blocks:
        block.attn.fused_attn = False
    account = there_and_back(model, {"softmax": lambda old: nn.Softmin(old.dim)}, lambda model: model(x))
    assert [(row.path, row.how) for row in account.swapped] == [(f"blocks.{n}.attn", "source") for n in range(12)]


@pytest.mark.vision
@pytest.mark.parametrize(("name", "sites"), [("resnet18", 17), ("densenet121", 121), ("googlenet", 57)])
def test_torchvision(name: str, sites: int) -> None:
    models = pytest.importorskip("torchvision").models
    torch.manual_seed(0)
    more = {"init_weights": False, "aux_logits": False} if name == "googlenet" else {}
    model, x = models.get_model(name, weights=None, **more), torch.randn(1, 3, 64, 64)
    account = there_and_back(model, {nn.ReLU: "golu"}, lambda model: model(x))
    assert len(account.swapped) == len(account.rows) == sites
