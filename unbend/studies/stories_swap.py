"""What does it cost a trained story model when a mixer in linear time takes the place of its attention?"""

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unbend.data import Dataset
from unbend.data._files_base import data_file
from unbend.mixers import BasedAttention, CausalLambda, LinearAttention, Mamba, ReBasedAttention
from unbend.models import MultiHeadAttention, Transformer, load_stories
from unbend.study import LOSS, Arm, Cell, Claim, Metric, Steps, Study
from unbend.surgery import swap

LENGTH, TOLD, BATCH, LR = 64, 640, 16, 3e-3
_ORIGIN = "The 260K story model of llama2.c as an npz file; `unbend.models.load_stories` says which arrays"


def story_model() -> Transformer:
    return load_stories(data_file("stories260k/stories260k.npz", _ORIGIN))[0]


@dataclass(frozen=True)
class ToldStories:
    """Beginnings of stories that the model itself tells, drawn token by token; the last fifth is for the test."""

    name: str = "told-stories"

    @torch.no_grad()
    def load(self) -> Dataset:
        model, draws = story_model(), torch.Generator().manual_seed(98)
        state, token, told = model.init_state(TOLD), torch.ones(TOLD, dtype=torch.int64), list[Tensor]()
        for _ in range(LENGTH + 1):
            told.append(token)
            logits, state = model.step(token, state)
            token = torch.multinomial(logits.softmax(-1), 1, generator=draws)[:, 0]
        text, cut = torch.stack(told, 1), TOLD * 4 // 5
        x, y = text[:, :-1], text[:, 1:]
        about = f"{self.__doc__} {TOLD} of them, {LENGTH} tokens each."
        return Dataset(self.name, "next-token", (x[:cut], y[:cut]), (x[cut:], y[cut:]), classes=512, about=about)


def swapped(make: Callable[[int], nn.Module]) -> Transformer:
    """The story model with new mixers; all its other weights are held as they are."""

    def new(old: nn.Module) -> nn.Module:
        return make(old.get_submodule("out").get_parameter("weight").shape[0])

    model, _ = swap(story_model().requires_grad_(False), {MultiHeadAttention: new})
    return model


def kept(dim: int) -> nn.Module:
    """No new mixer: never called."""
    raise NotImplementedError("the arm that keeps its attention makes none")


def distil(model: Transformer, data: Dataset, steps: int, seed: int, check: Callable[[], None]) -> None:
    """Bring the outputs near those of the model as it was, by the mixers' weights alone."""
    teacher, (x, _) = story_model(), data.train
    with torch.no_grad():
        wanted = torch.cat([teacher(part).log_softmax(-1) for part in x.split(64)])
    free = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(free, LR, weight_decay=0.0)
    slower = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    draws = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        check()
        rows = torch.randint(len(x), (BATCH,), generator=draws)
        said = model(x[rows]).log_softmax(-1)
        loss = F.kl_div(said, wanted[rows], log_target=True, reduction="none").sum(-1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        slower.step()


@torch.no_grad()
def loss_of(model: Transformer, data: Dataset) -> float:
    x, y = data.test
    return float(F.cross_entropy(model(x).movedim(-1, 1), y))


def exchange(cell: Cell) -> dict[str, float]:
    """Loss on the test right after the swap, and after distillation."""
    if cell.arm.make is kept:
        loss = loss_of(story_model(), cell.data)
        return {"loss": loss, "loss_before": loss, "parameters": 0}
    model = swapped(cell.arm)
    before = loss_of(copy.deepcopy(model), cell.data)
    distil(model, cell.data, getattr(cell.budget, "steps", 1), cell.seed, cell.check_deadline)
    free = sum(p.numel() for p in model.parameters() if p.requires_grad)
    return {"loss": loss_of(model, cell.data), "loss_before": before, "parameters": free}


HEADS = {"heads": 4, "causal": True}

main = Study(
    name="stories-swap",
    question="What does it cost a trained story model when a mixer in linear time takes the place of its attention, "
    "after a short distillation?",
    data=["told-stories"],
    sources={"told-stories": ToldStories()},
    arms={
        "kept": kept,
        "softmax, anew": Arm(MultiHeadAttention, HEADS),
        "linear": Arm(LinearAttention, HEADS),
        "based": Arm(BasedAttention, HEADS),
        "rebased": Arm(ReBasedAttention, HEADS),
        "lambda": Arm(CausalLambda, {"heads": 4}),
        "mamba": Mamba,
    },
    trial=exchange,
    budget=Steps(200),
    claims=[
        Claim("after distillation mamba costs half a nat a token or less", "loss", "mamba", "<=", "kept", 0.5),
        Claim("after distillation lambda costs half a nat or less", "loss", "lambda", "<=", "kept", 0.5),
        Claim("mamba takes the place better than linear attention", "loss", "mamba", "<", "linear", 0.05),
        Claim("rebased is as good as based", "loss", "rebased", "<=", "based", 0.05),
        Claim("without distillation nothing is left: two nats lost", "loss_before", "kept", "<", "mamba", 2.0),
    ],
    metrics=(LOSS, Metric("loss_before", "lower"), Metric("parameters", "lower")),
    seeds=5,
    minutes=5,
    paper="transformers",
    reference="kept",
    baselines=("kept", "softmax, anew"),
    notes="The model has 5 blocks of width 64 and knows places by rotation; new mixers start from random weights, and "
    "only they are trained, on what the model itself tells. Mixers without places (softmax anew, linear) must do "
    "without. Margins ours, fixed before the run. The file is read from $UNBEND_DATA.",
)
