"""Mamba against mambapy, transformers and torch's GRU: same weights, same outputs, then time, memory and decoding."""

import math
import sys
import warnings
from itertools import pairwise
from time import perf_counter
from typing import Any

import torch
from _measure import Call, imports, main, of_run, same
from torch import Tensor, nn

from unbend.mixers import Mamba
from unbend.models import MambaLM

BATCH, DIM, STATE = 4, 128, 16
LENGTHS = (512, 2048)
ITEMS = [f"L={length} {run}" for length in LENGTHS for run in ("forward", "forward+backward")]
CACHED, DECODE = "transformers with its cache", "decode 64 tokens"


class OfTokens(nn.Module):
    """A mixer of transformers or torch, for which only the first output counts."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        y = self.inner(x)
        return y[0] if isinstance(y, tuple) else y


def mambapy(parallel: bool) -> tuple[nn.Module, nn.Module]:
    """Ours and theirs, by the parallel scan or token by token, ours with their weights."""
    from mambapy.mamba import MambaBlock, MambaConfig

    peer = MambaBlock(MambaConfig(d_model=DIM, n_layers=1, d_state=STATE, pscan=parallel))
    return twin(peer), peer


def transformers() -> tuple[nn.Module, nn.Module]:
    from transformers import MambaConfig
    from transformers.models.mamba.modeling_mamba import MambaMixer

    config = MambaConfig(hidden_size=DIM, state_size=STATE, num_hidden_layers=1)
    peer = MambaMixer(config, 0)
    return twin(peer), OfTokens(peer)


def gru() -> tuple[nn.Module, nn.Module]:
    """Another network of the same width in and out, not the same function."""
    return Mamba(DIM, STATE), OfTokens(nn.GRU(DIM, DIM, batch_first=True))


def twin(peer: nn.Module) -> Mamba:
    layer = Mamba(DIM, STATE)
    layer.load_state_dict(peer.state_dict())
    return layer


def decoding() -> tuple[Call, Call]:
    """64 tokens at batch 1 by a model of 4 layers of width 256, ours and transformers' with its cache."""
    from transformers import MambaConfig, MambaForCausalLM

    peer: Any = MambaForCausalLM(
        MambaConfig(vocab_size=256, hidden_size=256, state_size=STATE, num_hidden_layers=4)
    ).eval()
    ours = MambaLM(256, 256, 4, state=STATE).eval()
    weights = {name.removeprefix("backbone."): value for name, value in peer.state_dict().items()}
    ours.load_state_dict({name: value for name, value in weights.items() if name != "lm_head.weight"})
    prompt = torch.tensor([[1, 2, 3]])

    def theirs() -> Tensor:
        return peer.generate(prompt, max_new_tokens=64, do_sample=False, eos_token_id=None, pad_token_id=0)

    if not torch.equal(ours.generate(prompt, 64), theirs()):
        raise SystemExit("the two generate different tokens; nothing is timed")
    return lambda: ours.generate(prompt, 64), theirs


def sides(peer: str, item: str, check: bool) -> tuple[Call, Call]:
    """The two calls of an item; if asked to, stops where outputs or input gradients differ."""
    torch.manual_seed(0)
    if peer == CACHED:
        return decoding()
    length, run = item.split()
    pair = PEERS[peer]()
    x, weight = torch.randn(2, BATCH, int(length[2:]), DIM)
    x.requires_grad_()
    if check and peer != "torch GRU":
        same(f"{item}: {peer}", pair, x, weight, 1e-4)
    return of_run(run, pair, x, weight)


def exponent(lengths: tuple[int, ...] = (4096, 16384, 65536)) -> float:
    """Slope of log time over log length, forward and backward at batch 1, the faster of two runs at each length."""
    layer, times = Mamba(DIM, STATE), list[float]()
    for length in lengths:
        x, took = torch.randn(1, length, DIM, requires_grad=True), list[float]()
        for _ in range(3):
            start = perf_counter()
            torch.autograd.grad(layer(x).sum(), (x, *layer.parameters()))
            took.append(perf_counter() - start)
        times.append(min(took[1:]))
        print(f"L={length}: {1e3 * times[-1]:.4g} ms")
    steps = [math.log(b / a) / math.log(m / n) for (a, b), (n, m) in zip(pairwise(times), pairwise(lengths))]
    return sum(steps) / len(steps)


PEERS = {
    "mambapy parallel": lambda: mambapy(True),
    "mambapy sequential": lambda: mambapy(False),
    "transformers": transformers,
    "torch GRU": gru,
}
MODULES = {
    "mambapy parallel": "mambapy.mamba",
    "mambapy sequential": "mambapy.mamba",
    "transformers": "transformers.models.mamba.modeling_mamba",
    "torch GRU": "torch",
}

if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    main("mamba", {name: imports(module) for name, module in MODULES.items()}, ITEMS, sides)
    if "--peak" not in sys.argv:
        main("mamba", {CACHED: imports(MODULES["transformers"])}, [DECODE], sides)
        print(f"exponent in the length: {exponent():.3g}")
