"""Activator on digits: a gated unit for attention, which mixes no patches, where places matter and where not."""

import torch
from torch import nn

from unbend.data import Dataset, load
from unbend.mixers import ActivatorGLU, SoftmaxAttention
from unbend.models import any_size
from unbend.studies._patches import BUDGET, METRICS, SETTINGS, trial
from unbend.study import Arm, Claim, Study


def over_tokens(width: int, size: tuple[int, int]) -> nn.Module:
    """The unit over the tokens of each channel."""
    return ActivatorGLU(width, 24, tokens=size[0] * size[1])


class Halves:
    """Digits whose left and right halves are in their places, or have changed them: which is it?"""

    name = "halves"

    def load(self) -> Dataset:
        """Every digit once each way."""
        digits = load("digits")
        train, test = (self._both(x) for x, _ in (digits.train, digits.test))
        return Dataset(self.name, "classification", train, test, classes=2, about=f"{self.__doc__} {digits.about}")

    def _both(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        turned = x.roll(x.shape[-1] // 2, -1)
        return torch.cat((x, turned)), torch.arange(2).repeat_interleave(len(x))


ARMS = {
    "vit": Arm(any_size, {"mixer": SoftmaxAttention, "heads": 2}),
    "activator": Arm(any_size, {"mixer": ActivatorGLU, "hidden": 32}),
    "over tokens": Arm(over_tokens),
}

main = Study(
    name="activator",
    question="Can a gated unit that mixes no patches take the place of attention?",
    data=["digits"],
    arms=ARMS,
    trial=trial(),
    budget=BUDGET,
    claims=[
        Claim("Activator is at least as good as attention", "accuracy", "activator", ">=", "vit", margin=0.01),
        Claim("a unit over the tokens beats it", "accuracy", "over tokens", ">", "activator", margin=0.01),
    ],
    metrics=METRICS,
    seeds=5,
    minutes=4,
    paper="activator",
    reference="vit",
    baselines=("vit",),
    notes="With embeddings of places, which the paper's own model lacks. The paper has 73.2 against 65.7 for "
    "attention on CIFAR-10. The unit over the tokens is ours. " + SETTINGS.partition("The arm none")[0],
)

halves = Study(
    name="activator-halves",
    question="Does it matter that Activator knows no places, where a digit is to be told from its swapped halves?",
    data=["halves"],
    sources={"halves": Halves()},
    arms=ARMS,
    trial=trial(places=False),
    budget=BUDGET,
    claims=[
        Claim("a unit over the tokens tells them apart", "accuracy", "over tokens", ">", "activator", margin=0.1),
        Claim("attention without places is as blind", "accuracy", "activator", ">=", "vit", margin=0.05),
    ],
    metrics=METRICS,
    seeds=5,
    minutes=4,
    paper="activator",
    reference="vit",
    baselines=("vit",),
    notes="Without embeddings of places, as in the paper's own model: there all patches of a digit and of its swapped "
    "halves are the same, so that nothing but chance, one half, is open to two of the arms. "
    + SETTINGS.partition("The arm none")[0],
)
